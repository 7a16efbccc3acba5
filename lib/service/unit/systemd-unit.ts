// Units for systemd: systemd.service(5), systemd.socket(5).
import { isUtf8 } from 'node:buffer';

import { bytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import {
  finalStatus,
  heading,
  launchWords,
  oneLine,
  plainWord,
  shellUpdate,
  type Unit,
  type UnitFile,
  type UnitRefusal,
} from './service-unit.ts';

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '%': '%%', // specifiers (systemd.unit(5))
  $: '$$', // variables (systemd.service(5), COMMAND LINES)
  '\n': '\\n',
  '\t': '\\t',
};

/** One word of a command line (systemd.syntax(7), QUOTING). The word is UTF-8. */
export function systemdWord(word: string): string {
  if (plainWord.test(word)) return word;
  const escaped = word.replace(/["\\%$\u0000-\u001f\u007f]/g, (character) => {
    return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

// A value in which only specifiers are escaped.
const setting = (text: string): string => text.replaceAll('%', '%%');

// A path in a setting that takes a list of paths.
const path = (text: string): string => (plainWord.test(text) ? text : `"${setting(text)}"`);

// The directory of systemd's sockets, on the host and in the jail.
const socketDirectory = '/run/systemd';

// The socket of journald for syslog(3).
const logSocket = `${socketDirectory}/journal/dev-log`;

// The sockets that a unit mounts into its jail, at the same paths.
function socketsOf({ notify, watchdogSec, syslog }: Unit): readonly string[] {
  return [
    ...(notify || watchdogSec !== undefined ? [`${socketDirectory}/notify`] : []),
    ...(syslog ? [logSocket] : []),
  ];
}

const directories = [
  ['StateDirectory', '/var/lib', 'state'],
  ['RuntimeDirectory', '/run', 'runtime'],
] as const;

// Credentials of the unit, and where they are in the jail.
const credentials = '/run/credentials';

// The directories of the host that the unit mounts into the jail, by their paths there.
function mountedDirectories(unit: Unit): readonly string[] {
  return [
    ...directories.flatMap(([, base, key]) => unit[key].map((name) => `${base}/${name}`)),
    ...(unit.credentials.length > 0 ? [credentials] : []),
  ];
}

/** The variables that tell the program where its directories are. They have the same paths in the jail. */
export const directoryVariables = (
  unit: Pick<Unit, 'state' | 'runtime' | 'credentials'>,
): readonly (readonly [name: string, value: string])[] =>
  [
    ['STATE_DIRECTORY', unit.state.map((name) => `/var/lib/${name}`).join(':')],
    ['RUNTIME_DIRECTORY', unit.runtime.map((name) => `/run/${name}`).join(':')],
    ['CREDENTIALS_DIRECTORY', unit.credentials.length > 0 ? credentials : ''],
  ].flatMap(([name = '', value = '']) => (value === '' ? [] : [[name, value] as const]));

/** The first directory of the host for which the jail has no place; undefined if it has all. */
export function findMissingPlace(unit: Unit, root: FileRoot): string | undefined {
  return mountedDirectories(unit).find((directory) => {
    const found = walk(root, bytePath(directory));
    return found.kind !== 'found' || found.status.kind !== 'directory' || found.links.length > 0;
  });
}

// Whether the unit has directories or credentials. They belong to the user, so systemd must know him.
const hasOwn = (unit: Unit): boolean => mountedDirectories(unit).length > 0;

// +N is always a number.
const plain = (word: string): string => word.replace(/^\+/, '');

function ownLines(unit: Unit): readonly string[] {
  if (!hasOwn(unit)) return [];
  const [user = '', group] = unit.operands[0].split(':');
  return [
    `User=${plain(user)}`,
    ...(group === undefined ? [] : [`Group=${plain(group)}`]),
    ...directories.flatMap(([name, , key]) => unit[key].map((value) => `${name}=${setting(value)}`)),
    ...unit.credentials.map((credential) => `LoadCredential=${setting(credential)}`),
  ];
}

const assertion = (place: string): string => `AssertPathIsDirectory=${setting(place)}
AssertPathIsSymbolicLink=!${setting(place)}
`;

// In the mount namespace of the unit a tmpfs covers the directory of the sockets. systemd makes the mount points in the tmpfs, and
// leaves nothing in the jail. The directories must exist already, since systemd would make them in the jail.
function jailMounts(unit: Unit): { readonly conditions: string; readonly mounts: string } {
  const sockets = socketsOf(unit);
  const [, jail] = unit.operands;
  const top = jail === '/' ? '' : jail;
  const inJail = `${top}${socketDirectory}`;
  const own = mountedDirectories(unit);
  const ownAssertions = own.map((directory) => assertion(`${top}${directory}`)).join('');
  const ownBinds = own.map((directory) => {
    const isSecret = directory === credentials;
    const source = isSecret ? `${credentials}/%n` : setting(directory);
    return `${isSecret ? 'BindReadOnlyPaths' : 'BindPaths'}=${source}:${path(`${top}${directory}`)}\n`;
  });
  if (sockets.length === 0) return { conditions: ownAssertions, mounts: ownBinds.join('') };
  // each of the two paths has quotes of its own (config_parse_bind_paths in systemd's load-fragment.c)
  const binds = sockets.map(
    (socket) => `BindPaths=${socket}:${path(`${inJail}${socket.slice(socketDirectory.length)}`)}\n`,
  );
  return {
    conditions: `# uchroot-jail build makes it, with --pack notify; systemd would leave it behind
${assertion(inJail)}${ownAssertions}`,
    mounts: `TemporaryFileSystem=${path(`${inJail}:ro,mode=0755,nosuid,nodev,noexec,size=64k`)}\n${binds.join('')}${ownBinds.join('')}`,
  };
}

// Finds out that a program has put itself into the background. Such a program ends with 0, and the service ends with it. Before systemd
// kills the processes that are left, it runs ExecStop= without MAINPID (systemd.service(5)). This script looks for them in its own cgroup.
// In cgroup v2 the line with number 0 names it (cgroups(7)); in v1 the script finds nothing. It looks again after a second, since a helper
// may take a moment to end.
const findGroup = 'while IFS=: read -r id none group && [ "$id" != 0 ]; do :; done </proc/self/cgroup';
const leftBehind = [
  '[ -z "$MAINPID" ] || exit 0',
  findGroup,
  'list=/sys/fs/cgroup$group/cgroup.procs',
  'left() { while read -r pid; do [ "$pid" = $$ ] || return 0; done <"$list"; return 1; }',
  '[ -r "$list" ] && left && sleep 1 && left || exit 0',
  'echo "the program has ended, and left processes behind: it has to stay in the foreground" >&2',
  'exit 1',
].join('; ');

// The process that relays sends out the program's last words, for 5 seconds at most, while systemd would kill it. No other process is left
// then: those of the program end with the init of its pid namespace. A unit with limits has its processes in groups below its own.
const untilRelayed = [
  findGroup,
  'at=/sys/fs/cgroup${group%/.control} n=0',
  'left() { for list in "$at/cgroup.procs" "$at"/*/cgroup.procs; do while read -r pid; do [ "$pid" = $$ ] || return 0; done 2>/dev/null <"$list"; done; return 1; }',
  'while left && [ $((n += 1)) -le 60 ]; do sleep 0.1; done',
].join('; ');

// The pauses grow from one second to half a minute, so that the limit on starts is never reached. 0 is the status of a
// program that has left processes behind.
const restarts: readonly string[] = [
  'Restart=on-failure',
  'RestartSec=1',
  'RestartSteps=5',
  'RestartMaxDelaySec=30',
  `RestartPreventExitStatus=0 ${finalStatus}`,
];

function serviceSection(unit: Unit): string {
  const { accept, notify, watchdogSec, reloadSignal } = unit;
  // uchroot itself uses NOTIFY_SOCKET for STATUS=. A program that does not notify must not get the variable.
  const kept = notify || watchdogSec !== undefined ? [] : ['--unsetenv=NOTIFY_SOCKET'];
  const words = launchWords({ ...unit, options: [...kept, ...unit.options] });
  // a reload works outside of the limits of the service
  const outside = hasOwn(unit) || unit.settings.length > 0 ? '+' : '';
  return [
    `Type=${notify ? 'notify' : 'exec'}`,
    // the launch changes its identity, so systemd must not (systemd.service(5), COMMAND LINES)
    `ExecStart=${hasOwn(unit) ? '!' : ''}${[...unit.command, ...words].map(systemdWord).join(' ')}`,
    ...ownLines(unit),
    ...(unit.update === undefined
      ? []
      : [`ExecReload=${outside}/bin/sh -c ${systemdWord(shellUpdate(unit.update))}`]),
    // the kill of the shell: not every host has kill(1)
    ...(reloadSignal === undefined
      ? []
      : [`ExecReload=${outside}/bin/sh -c "kill -s ${reloadSignal} $$MAINPID"`]),
    ...(accept ? ['StandardInput=socket', 'StandardOutput=socket', 'StandardError=journal'] : []),
    // sets NOTIFY_SOCKET, by which uchroot tells why a launch has failed
    `NotifyAccess=${unit.hasWaiter ? 'all' : 'main'}`,
    ...(watchdogSec === undefined ? [] : [`WatchdogSec=${watchdogSec}`]),
    // uchroot makes the cgroup of its limits in that of the unit. MemoryMax= and TasksMax= would also count node, which starts the program.
    // DelegateSubgroup= (systemd 254) saves uchroot from leaving the cgroup of the unit first.
    ...(unit.hasCgroup ? ['Delegate=yes', 'DelegateSubgroup=uchroot-main'] : []),
    // SIGTERM to the program alone, later SIGKILL to everything that is left
    'KillMode=mixed',
    // the exit status of the init of a pid namespace if SIGTERM has ended the program
    ...(unit.hasWaiter ? ['SuccessExitStatus=143'] : []),
    `SyslogIdentifier=${unit.name}`,
    ...unit.settings,
    ...(unit.hasRelay ? [`ExecStopPost=/bin/sh -c ${systemdWord(untilRelayed)}`] : []),
    ...(accept || unit.hasRelay ? [] : [`ExecStop=/bin/sh -c ${systemdWord(leftBehind)}`]),
    ...(accept ? [] : restarts),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

const notes = ({ compiled }: Unit): string =>
  compiled === undefined
    ? `# Options of uchroot stand for two settings that do not reach the program: LimitNOFILE=, which Node covers with a limit of
# its own, is --rlimit nofile=N, and variables of Environment= pass with --pass-env NAME.
`
    : '# Variables of Environment= reach the program if the launcher was compiled with --pass-env NAME.\n';

function serviceFile(unit: Unit): UnitFile {
  const { name, accept, description } = unit;
  const { conditions, mounts } = jailMounts(unit);
  const listens = unit.listen.length > 0;
  // the socket starts a failing service again and again as long as a client waits
  const limits = accept
    ? 'CollectMode=inactive-or-failed\n'
    : 'StartLimitIntervalSec=10\nStartLimitBurst=5\n';
  const socket = listens && !accept ? `Requires=${name}.socket\n` : '';
  const install = accept
    ? ''
    : `\n[Install]\nWantedBy=multi-user.target\n${listens ? `Also=${name}.socket\n` : ''}`;
  return {
    path: `${name}${accept ? '@' : ''}.service`,
    mode: 0o644,
    text: `${heading(unit)}[Unit]
Description=${setting(description)}
After=network.target nss-user-lookup.target${socket === '' ? '' : ` ${name}.socket`}
${socket}RequiresMountsFor=${path(unit.operands[1])}
${conditions}${limits}
[Service]
${notes(unit)}${serviceSection(unit)}${mounts}${install}`,
  };
}

/** A service unit; with addresses to listen on also a socket unit. */
export function systemdFiles(unit: Unit): readonly UnitFile[] {
  const { name, description, listen, accept } = unit;
  if (listen.length === 0) return [serviceFile(unit)];
  const text = `${heading(unit)}[Unit]
Description=${setting(description)}, its socket

[Socket]
${listen.map((address) => `ListenStream=${setting(address)}\n`).join('')}Accept=${accept ? 'yes' : 'no'}

[Install]
WantedBy=sockets.target
`;
  return [serviceFile(unit), { path: `${name}.socket`, mode: 0o644, text }];
}

/** Why systemd cannot run such a unit; undefined if it can. */
export function systemdRefusal(unit: Unit): UnitRefusal | undefined {
  // systemd would start the unit, but systemctl(1) could not show it: texts on the bus are UTF-8.
  const words = [...unit.command, ...unit.options, ...unit.operands];
  const bytes = words.find((word) => !isUtf8(Buffer.from(word, 'latin1')));
  if (bytes !== undefined)
    return {
      message: `'${oneLine(bytes)}' is not UTF-8, and systemctl could not show such a unit`,
      hint: 'call a script in the jail that holds it',
    };
  const [, jail] = unit.operands;
  const hasMounts = socketsOf(unit).length > 0 || hasOwn(unit);
  const problem =
    // Settings escape in different ways, and some in none.
    // oxlint-disable-next-line no-control-regex
    /["'\\\u0000-\u001f\u007f]/.test(jail)
      ? 'a quote, a backslash or a control character, which not every setting of systemd takes'
      : hasMounts && jail.includes(':')
        ? "a ':', which BindPaths= takes for its own"
        : undefined;
  if (problem === undefined) return undefined;
  return {
    message: `the path of the jail, ${oneLine(jail)}, has ${problem}`,
    hint: 'give the directory a name of letters, digits, dashes and dots',
  };
}

/**
 * The pack that the jail lacks for the sockets of the unit; undefined if it lacks none. The path must not have symbolic
 * links: systemd would follow them on the host.
 */
export function findMissingPack(unit: Unit, root: FileRoot): 'notify' | 'syslog' | undefined {
  const sockets = socketsOf(unit);
  if (sockets.length === 0) return undefined;
  // syslog(3) opens /dev/log; the pack brings the link
  if (sockets.includes(logSocket) && root.lstat(bytePath('/dev/log'))?.target !== logSocket) return 'syslog';
  const found = walk(root, bytePath(socketDirectory));
  const isThere = found.kind === 'found' && found.status.kind === 'directory' && found.links.length === 0;
  return isThere ? undefined : 'notify';
}
