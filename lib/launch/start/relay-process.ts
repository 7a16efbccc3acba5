// The process that relays for a program which was started in place: this process becomes a small one that only waits. It is
// lib/bin/uchroot-relay.ts, and begins with the program's first call. Until then a process without Node has the sockets.
import { commandDirectory, launcherPath, native } from '../../native.ts';
import { socketsOf } from '../../outbound/paths.ts';
import { dialingIds } from '../host/outbound-socket.ts';
import type { Launch } from '../plan/launch.ts';

const script = "require(process.argv[1]).openBundle('relay')";

// It is written over these spaces (native/launcher/relaystart.cc).
const numberToCome = ' '.repeat(8);

/**
 * Starts the process that starts it. Both end with this process.
 *
 * @param ports sockets of the host for `listenOn`, which are closed
 * @param isService what the program may not call is told on standard error in any case
 * @returns the socket to which the plan must send those of the program's network
 * @throws a system error
 */
export function startRelay(
  { request: { connectTo, listenOn, insecurePath, ...given }, account }: Launch,
  isService: boolean,
  ports: readonly number[],
): number {
  const statusFd = isService ? undefined : given.statusFd;
  const [own, theirs] = native.socketPair();
  const pid = String(process.pid);
  const relay = [
    process.execPath,
    ...process.execArgv,
    '-e',
    script,
    '--',
    `${commandDirectory}/open-bundle.cjs`,
    pid,
    statusFd === undefined ? '' : '4',
    insecurePath ? 'insecure' : '',
    dialingIds(account).join(),
    listenOn.map(({ inside }) => inside).join(),
    ...connectTo.flatMap(({ text, isRead }) => (isRead === true ? [] : [text])),
    numberToCome,
  ];
  const environment = Object.entries(process.env)
    .filter(([name]) => name !== 'NODE_OPTIONS' && name !== 'UV_USE_IO_URING')
    .map(([name, value]) => `${name}=${value}`);
  // a thread of io_uring(7) would keep the ids of root
  environment.push('UV_USE_IO_URING=0');
  native.startBeside(
    launcherPath(),
    ['uchroot', 'relay', pid, String(ports.length + socketsOf(connectTo, ports.length > 0)), ...relay],
    environment,
    theirs,
    statusFd ?? -1,
  );
  native.closeDescriptor(theirs);
  if (ports.length > 0) native.sendTo(own, ports);
  for (const fd of ports) native.closeDescriptor(fd);
  return own;
}
