// Units for systemd: systemd.service(5), systemd.socket(5).
import { isUtf8 } from 'node:buffer';

import { plainWord, shellUpdate } from './shell.ts';
import { finalStatus, heading, launchWords, oneLine, type Unit, type UnitFile } from './unit.ts';

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '%': '%%', // specifiers (systemd.unit(5))
  $: '$$', // variables (systemd.service(5), COMMAND LINES)
  '\n': '\\n',
  '\t': '\\t',
};

const hex = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

/** One word of a command line, which is UTF-8: systemd.syntax(7), QUOTING. */
export function systemdWord(word: string): string {
  if (plainWord.test(word)) return word;
  const escaped = word.replace(
    /["\\%$\u0000-\u001f\u007f]/g,
    (character) => escapes[character] ?? hex(character),
  );
  return `"${escaped}"`;
}

// For a setting in which specifiers are all that has to be escaped.
const setting = (text: string): string => text.replaceAll('%', '%%');

// For a setting that is a list of paths.
const path = (text: string): string => (plainWord.test(text) ? text : `"${setting(text)}"`);

/** The directory in a jail in which the sockets of systemd lie, as on the host. */
export const socketDirectory = '/run/systemd';

/** Where journald takes what programs give to syslog(3). */
export const logSocket = `${socketDirectory}/journal/dev-log`;

/** The sockets that a unit brings into its jail, to the same paths. */
export function socketsOf({ notify, watchdogSec, syslog }: Unit): readonly string[] {
  return [
    ...(notify || watchdogSec !== undefined ? [`${socketDirectory}/notify`] : []),
    ...(syslog ? [logSocket] : []),
  ];
}

// In the unit's own mount namespace a tmpfs covers the directory, so that the mount points are made there and nothing is
// left in the jail. It has to be there, since systemd would make it.
function jailMounts(unit: Unit): { readonly conditions: string; readonly mounts: string } {
  const sockets = socketsOf(unit);
  if (sockets.length === 0) return { conditions: '', mounts: '' };
  const [, jail] = unit.operands;
  const inJail = `${jail === '/' ? '' : jail}${socketDirectory}`;
  // quotes are for each of the two paths, not for both (config_parse_bind_paths in systemd's load-fragment.c)
  const binds = sockets.map(
    (socket) => `BindPaths=${socket}:${path(`${inJail}${socket.slice(socketDirectory.length)}`)}\n`,
  );
  return {
    conditions: `# uchroot-jail build makes it, with --pack notify; systemd would leave it behind
AssertPathIsDirectory=${setting(inJail)}
AssertPathIsSymbolicLink=!${setting(inJail)}
`,
    mounts: `TemporaryFileSystem=${path(`${inJail}:ro,mode=0755,nosuid,nodev,noexec,size=64k`)}\n${binds.join('')}`,
  };
}

// A program that puts itself into the background ends with 0, and takes the service with it. ExecStop= is run then too, without
// MAINPID (systemd.service(5)), before what was left behind is ended. It looks into its own cgroup, which in the second
// version's hierarchy has the number 0 (cgroups(7)); in another one nothing is found. A second look a second later: a
// helper may take a moment to end.
const leftBehind = [
  '[ -z "$MAINPID" ] || exit 0',
  'while IFS=: read -r id none group && [ "$id" != 0 ]; do :; done </proc/self/cgroup',
  'list=/sys/fs/cgroup$group/cgroup.procs',
  'left() { while read -r pid; do [ "$pid" = $$ ] || return 0; done <"$list"; return 1; }',
  '[ -r "$list" ] && left && sleep 1 && left || exit 0',
  'echo "the program has ended, and left processes behind: it has to stay in the foreground" >&2',
  'exit 1',
].join('; ');

// A failure of uchroot is told by STATUS=, which the program need not be able to.
function launchOf(unit: Unit): readonly string[] {
  const notifies = unit.notify || unit.watchdogSec !== undefined;
  const options = notifies ? unit.options : ['--unsetenv=NOTIFY_SOCKET', ...unit.options];
  return [...unit.command, ...launchWords({ ...unit, options })];
}

// The pauses grow from one second to half a minute, so that no limit on starts is met. A program that has left processes
// behind has ended with 0.
const restarts: readonly string[] = [
  `ExecStop=/bin/sh -c ${systemdWord(leftBehind)}`,
  'Restart=on-failure',
  'RestartSec=1',
  'RestartSteps=5',
  'RestartMaxDelaySec=30',
  `RestartPreventExitStatus=0 ${finalStatus}`,
];

function serviceSection(unit: Unit): string {
  const { accept, notify, watchdogSec, reloadSignal } = unit;
  const words = launchOf(unit).map(systemdWord);
  return [
    `Type=${notify ? 'notify' : 'exec'}`,
    `ExecStart=${words.join(' ')}`,
    ...(unit.update === undefined ? [] : [`ExecReload=/bin/sh -c ${systemdWord(shellUpdate(unit.update))}`]),
    // the shell's own kill: not every host has a program of that name
    ...(reloadSignal === undefined ? [] : [`ExecReload=/bin/sh -c "kill -s ${reloadSignal} $$MAINPID"`]),
    ...(accept ? ['StandardInput=socket', 'StandardOutput=socket', 'StandardError=journal'] : []),
    // with it comes NOTIFY_SOCKET, over which uchroot says why a launch has failed
    'NotifyAccess=main',
    ...(watchdogSec === undefined ? [] : [`WatchdogSec=${watchdogSec}`]),
    // the program ends in its own way, then what it has left behind is ended
    'KillMode=mixed',
    `SyslogIdentifier=${unit.name}`,
    ...(accept ? [] : restarts),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function serviceFile(unit: Unit): UnitFile {
  const { name, accept, description } = unit;
  const file = `${name}${accept ? '@' : ''}.service`;
  const { conditions, mounts } = jailMounts(unit);
  const listens = unit.listen.length > 0;
  // A socket starts a service that fails again and again, as long as somebody waits to be accepted.
  const limits = accept
    ? 'CollectMode=inactive-or-failed\n'
    : 'StartLimitIntervalSec=10\nStartLimitBurst=5\n';
  const socket = listens && !accept ? `Requires=${name}.socket\n` : '';
  const install = accept
    ? ''
    : `\n[Install]\nWantedBy=multi-user.target\n${listens ? `Also=${name}.socket\n` : ''}`;
  return {
    path: file,
    mode: 0o644,
    text: `${heading(unit)}[Unit]
Description=${setting(description)}
After=network.target nss-user-lookup.target${socket === '' ? '' : ` ${name}.socket`}
${socket}RequiresMountsFor=${path(unit.operands[1])}
${conditions}${limits}
[Service]
# Options of uchroot stand for two settings that do not reach the program: LimitNOFILE=, which Node covers with a limit of
# its own, is --rlimit nofile=N, and variables of Environment= pass with --pass-env NAME.
${serviceSection(unit)}${mounts}${install}`,
  };
}

function socketFile(unit: Unit): UnitFile {
  const file = `${unit.name}.socket`;
  return {
    path: file,
    mode: 0o644,
    text: `${heading(unit)}[Unit]
Description=${setting(unit.description)}, its socket

[Socket]
${unit.listen.map((address) => `ListenStream=${setting(address)}\n`).join('')}Accept=${unit.accept ? 'yes' : 'no'}

[Install]
WantedBy=sockets.target
`,
  };
}

/** A service unit; with addresses to listen on also a socket unit. */
export function systemdFiles(unit: Unit): readonly UnitFile[] {
  return unit.listen.length === 0 ? [serviceFile(unit)] : [serviceFile(unit), socketFile(unit)];
}

const isText = (text: string): boolean => isUtf8(Buffer.from(text, 'latin1'));

/** Why systemd cannot have such a unit, or undefined. */
export function systemdRefusal(unit: Unit): string | undefined {
  // It would start the unit, but systemctl(1) could not show it any more: what goes over the bus is UTF-8.
  const bytes = [...unit.command, ...unit.options, ...unit.operands].find((word) => !isText(word));
  if (bytes !== undefined)
    return `'${oneLine(bytes)}' is not UTF-8, and systemctl could not show such a unit: call a script in the jail that holds it`;
  const [, jail] = unit.operands;
  // Each setting escapes in another way, some in none.
  // oxlint-disable-next-line no-control-regex
  if (/["'\\\u0000-\u001f\u007f]/.test(jail))
    return `the path of the jail, ${oneLine(jail)}, has a quote, a backslash or a control character, which not every setting of systemd takes`;
  if (socketsOf(unit).length > 0 && jail.includes(':'))
    return `the path of the jail, ${oneLine(jail)}, has a ':', which BindPaths= takes for its own`;
  return undefined;
}
