// The process that relays for a program which was started in place: this process becomes a small one that only waits. See
// lib/bin/uchroot-relay.ts.
import { spawn } from 'node:child_process';

import { commandDirectory, native } from '../../native.ts';
import { dialingIds } from '../host/outbound-socket.ts';
import type { Launch } from '../plan/launch.ts';

const script = "require(process.argv[1]).openBundle('relay')";

/**
 * Starts it. It ends with this process.
 *
 * @returns the socket to which the plan must send those of the program's network
 * @throws a system error
 */
export function startRelay({ request: { connectTo, insecurePath, statusFd }, account }: Launch): number {
  const [own, theirs] = native.socketPair();
  const words = [
    String(process.pid),
    statusFd === undefined ? '' : '4',
    insecurePath ? 'insecure' : '',
    dialingIds(account).join(),
    ...connectTo.map(({ text }) => text),
  ];
  const argv = [...process.execArgv, '-e', script, '--', `${commandDirectory}/open-bundle.cjs`, ...words];
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'ignore', 2, theirs, statusFd ?? 'ignore'],
    // a terminal's Ctrl-C is for the program, which may go on
    detached: true,
    env: { ...process.env, NODE_OPTIONS: undefined },
  });
  native.closeDescriptor(theirs);
  // it is told as an event as well, which would come too late
  child.on('error', () => {});
  if (child.pid === undefined)
    throw new Error(`${process.execPath}: no process could be started that relays`);
  child.unref();
  return own;
}
