// The option table of a service: one row for each key that serveInJail() takes besides those of a launch, with its option of the
// command and its key of the configuration.
import { basename } from 'node:path';

import { UsageError } from '../errors.ts';
import { checkKeys, reading } from '../values/keys.ts';
import { oneOf, optional, text } from '../values/validators.ts';
import { foreignKeys } from '../launch/request/foreign-keys.ts';
import { shares } from '../launch/request/jail-rows.ts';
import {
  addText,
  launchOption,
  parseBytes,
  parseNumeric,
  parseText,
  type LaunchOption,
} from '../launch/request/launch-option.ts';
import { onOff, type GivenOf, type NormalOf, type Row, type Rows } from '../launch/request/option-row.ts';
import { launchKeys, launchRows, type LaunchRequest, type NormalRequest } from '../launch/request/request.ts';
import { normalizeSpawn } from '../launch/request/spawn-rows.ts';
import { foreignServeKeys } from '../mistakes/foreign-work-keys.ts';
import { refuseConflicts } from './key-conflicts.ts';
import * as to from './service-value.ts';

const option = (spelling: string, help: string, parse: LaunchOption['parse']) => ({
  options: () => [launchOption('Service', spelling, help, parse)],
});

const table = {
  /** Addresses: a port, `ADDRESS:PORT`, `PORT/udp`, `PORT/tcp6`, a path, `@name`, `systemd`. */
  listen: {
    type: 'string, array of strings',
    default: 'required',
    always: true,
    normal: to.toListen,
    ...option(
      '--listen ADDRESS',
      'a port, ADDRESS:PORT, either with /udp, a path, @NAME or systemd; may be repeated',
      addText,
    ),
  },
  /** Name of the service in rules. */
  daemon: {
    type: 'string',
    default: "the program's last component",
    normal: optional(text('a name as in hosts.allow, without blanks and slashes', 'report', /^[^\0/\s]+$/)),
    ...option('--daemon NAME', "its name in the rules (default: the program's)", parseText),
  },
  /** File of the clients that are let in. */
  hostsAllow: {
    type: 'Bytes',
    default: '`/etc/hosts.allow`',
    normal: to.toPath('/etc/hosts.allow'),
    ...option('--hosts-allow FILE', 'the clients to let in (default /etc/hosts.allow)', parseBytes),
  },
  /** File of the clients that are refused. */
  hostsDeny: {
    type: 'Bytes',
    default: '`/etc/hosts.deny`',
    normal: to.toPath('/etc/hosts.deny'),
    ...option('--hosts-deny FILE', 'the clients to refuse (default /etc/hosts.deny)', parseBytes),
  },
  /** The program gets the listening socket itself, and the next one starts when it has ended. */
  wait: onOff(
    'Service',
    '--wait',
    'the program gets the listening socket, one program at a time (inetd wait)',
  ),
  /** How the program of `wait` gets the sockets: `inetd` as descriptors 0 to 2, `systemd` from 3 on (sd_listen_fds(3)). */
  activation: {
    type: "'inetd', 'systemd'",
    default: '`inetd`',
    normal: optional(oneOf(to.activations), 'inetd'),
    ...option(
      '--activation inetd|systemd',
      'with --wait: the socket as descriptors 0 to 2 (default), or all from 3 on (LISTEN_FDS)',
      parseText,
    ),
  },
  /** Connections at once; more wait in the queue of the kernel. */
  instances: {
    type: 'number',
    default: '256',
    normal: optional(to.count, 256),
    ...option('--instances N', 'connections at once; more of them wait (default 256)', parseNumeric),
  },
  /** Connections at once from one address, or one /48 of IPv6; more are closed. */
  perSource: {
    type: 'number',
    default: '–',
    normal: optional(to.count),
    ...option('--per-source N', 'connections at once from one source; more are closed', parseNumeric),
  },
  /** Programs that start in a time, `COUNT[/SECONDS][:BURST]`; more connections wait. */
  rate: {
    type: 'string',
    default: '–',
    normal: to.toRate,
    ...option('--rate COUNT[/SECONDS][:BURST]', 'starts in a time; more connections wait', parseText),
  },
  /** The same from one source; more are closed. */
  sourceRate: {
    type: 'string',
    default: '–',
    normal: to.toRate,
    ...option(
      '--source-rate COUNT[/SECONDS][:BURST]',
      'the same from one source; more are closed',
      parseText,
    ),
  },
  /** Clients do not wait after launches that have failed. */
  noPause: onOff('Service', '--no-pause', 'let no client wait after launches that have failed'),
  /** Ends a connection's program after this time. */
  timeoutMs: {
    type: 'number',
    default: '–',
    normal: to.toMilliseconds,
    ...option(
      '--timeout SECONDS',
      'end the program of a connection after this time',
      to.parseSeconds('timeout'),
    ),
  },
  /** Ends a connection's program when no data has come or gone for this time. */
  idleMs: {
    type: 'number',
    default: '–',
    normal: to.toMilliseconds,
    ...option(
      '--idle SECONDS',
      'end it when no data has come or gone for this time',
      to.parseSeconds('idle'),
    ),
  },
  /** File that each client gets before its program starts. */
  banner: {
    type: 'Bytes',
    default: '–',
    normal: to.toPath('/etc/issue.net'),
    ...option('--banner FILE', 'text that each client gets before its program starts', parseBytes),
  },
  /** Mode of a unix socket. */
  socketMode: {
    type: 'number, 0 to 0o777',
    default: '0o666',
    normal: to.toMode,
    ...option('--socket-mode MODE', 'of a unix socket (default 666)', to.parseMode),
  },
  /** What isolated programs share. */
  share: {
    type: "'all', 'net', 'none'",
    default: '`all`',
    normal: optional(oneOf(shares), 'all'),
    ...option('--share all|net|none', 'what isolated connections of a jail share (default all)', parseText),
  },
  /** Where the line of each connection goes. */
  log: {
    type: "'text', 'json', 'syslog', 'none'",
    default: '`text`',
    normal: optional(oneOf(to.logFormats), 'text'),
    ...option('--log text|json|syslog|none', 'one line a connection (default text, on stderr)', parseText),
  },
} as const satisfies Rows;

type Given = GivenOf<typeof table>;
type Normal = NormalOf<typeof table>;

// Keys of a launch that a service cannot have: its program has the connection as descriptors, no pid file and no terminal.
type NoLaunchKeys = 'statusFd' | 'pidFile' | 'resultFile' | 'preserveFds' | 'pty' | 'listenOn';

/** A service: where it listens, who may connect, and what starts for each connection. */
export interface ServeRequest
  extends Pick<Given, 'listen'>, Partial<Omit<Given, 'listen'>>, Omit<LaunchRequest, NoLaunchKeys> {}

/** The normal form of a ServeRequest. */
export interface ServiceSettings extends Omit<Normal, 'daemon'> {
  readonly daemon: string;
  /** The launch of each connection; its normal form was checked. */
  readonly launch: LaunchRequest;
  readonly normalLaunch: NormalRequest;
}

// By key.
const serviceRows: Rows = table;

const limitOption = (spelling: string, help: string, parse: LaunchOption['parse']) => ({
  options: () => [launchOption('Limits', spelling, help, parse)],
});

// These options have another text here, because they limit the processes of one connection.
const limitOptions: Readonly<Record<string, Pick<Row, 'options'>>> = {
  memory: limitOption('--memory SIZE', 'memory of all processes of a connection, such as 64M', parseText),
  swap: limitOption('--swap SIZE', 'swap besides that (default 0)', parseText),
  pids: limitOption('--pids N', 'processes and threads of a connection', parseNumeric),
  cpu: limitOption('--cpu N', 'CPUs that a connection may keep busy, such as 0.5', parseNumeric),
  ioWeight: limitOption('--io-weight N', 'share of a busy disk, 1 to 10000 (others have 100)', parseNumeric),
};

const notServed: ReadonlySet<string> = new Set<NoLaunchKeys>([
  'statusFd',
  'pidFile',
  'resultFile',
  'preserveFds',
  'pty',
  'listenOn',
]);

/** Every key of a ServeRequest, with its row. */
export const serveRows: Rows = {
  ...table,
  ...Object.fromEntries(
    Object.entries<Row>(launchRows)
      .filter(([key]) => !notServed.has(key))
      .map(([key, row]): readonly [string, Row] => [key, { ...row, ...limitOptions[key] }]),
  ),
};

const serveKeys: ReadonlySet<string> = new Set(Object.keys(serveRows));

/** @throws UsageError */
export function normalizeServe(request: ServeRequest): ServiceSettings {
  return reading(() => {
    checkKeys(
      request,
      serveKeys,
      "{listen: '127.0.0.1:7000', user: 'sam', jail: '/srv/jail', program: '/bin/cat'}",
      () => ({ ...foreignKeys, ...foreignServeKeys }),
    );
    const given: Record<string, unknown> = {};
    const launch: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(request)) (launchKeys.has(key) ? launch : given)[key] = value;
    if (given.listen === undefined)
      throw new UsageError('listen is missing: give an address', {
        hint: "write listen: '127.0.0.1:7000'",
      });
    const own = Object.fromEntries(
      Object.entries(serviceRows).map(([key, row]) => [key, row.normal(given[key] as never, key, given)]),
    ) as Normal;
    // The keys that each start adds are set too, so that a conflict with them is found here.
    const [normalLaunch] = normalizeSpawn({
      ...(launch as unknown as LaunchRequest),
      timeoutMs: own.timeoutMs,
    });
    const { program } = normalLaunch;
    if (program === undefined)
      throw new UsageError('program is missing: a service needs one, as the default shell needs a terminal', {
        hint: "write program: '/bin/report'",
      });
    const daemon = own.daemon ?? basename(program.toString());
    refuseConflicts(given, own, normalLaunch);
    return { ...own, daemon, launch: launch as unknown as LaunchRequest, normalLaunch };
  });
}
