// The units that run uchroot-inetd: for systemd and the four other init systems. Pure.
import { exitStatuses } from '../errors.ts';
import { openrcScript } from '../service/unit/openrc.ts';
import { serviceDirectory } from '../service/unit/runit-s6.ts';
import type { Format, UnitFile } from '../service/unit/service-unit.ts';
import { comments, rotation } from '../service/unit/sysv.ts';
import { systemdWord } from '../service/unit/systemd-unit.ts';
import { scriptLine } from '../words/shell-word.ts';

/** The command line that a unit runs, as byte strings. */
export interface InetdCommand {
  /** The words that start uchroot-inetd. */
  readonly command: readonly string[];
  /** Its options and operands. */
  readonly words: readonly string[];
  readonly version: string;
}

const NAME = 'uchroot-inetd';
const DESCRIPTION = 'Super-server with rules and jails';
// Statuses of a configuration that is wrong: another start would fail too.
const { unknownUser, failed, unusable, missing } = exitStatuses;
const FINAL = [unknownUser, failed, unusable, missing].join(' | ');

const heading = ({ version }: InetdCommand, format: Format): string =>
  `# Made by uchroot-inetd ${version} --unit ${format}. The paths of node and uchroot-inetd are those of that moment:
# make it again when one of them moves.
`;

const start = ({ command, words }: InetdCommand): string => scriptLine([...command, ...words]);
const check = ({ command, words }: InetdCommand): string => scriptLine([...command, 'check', ...words]);

/**
 * SIGTERM goes to uchroot-inetd alone, which then waits for its connections; systemd kills what is left after TimeoutStopSec=. Delegate=
 * is for cgroups of connections with limits.
 */
const systemd = (given: InetdCommand): readonly UnitFile[] => [
  {
    path: `${NAME}.service`,
    mode: 0o644,
    text: `${heading(given, 'systemd')}[Unit]
Description=${DESCRIPTION}
Documentation=man:uchroot-inetd(8)
After=network.target nss-user-lookup.target

[Service]
Type=notify
ExecStart=${[...given.command, ...given.words].map(systemdWord).join(' ')}
ExecReload=/bin/sh -c "kill -s HUP $$MAINPID"
KillMode=mixed
WatchdogSec=30
Restart=on-failure
RestartSec=1
Delegate=yes
LimitNOFILE=65536
SyslogIdentifier=uchroot-inetd

[Install]
WantedBy=multi-user.target
`,
  },
];

const openrc = (given: InetdCommand): readonly UnitFile[] => [
  openrcScript({
    ...given,
    name: NAME,
    heading: heading(given, 'openrc'),
    description: DESCRIPTION,
    // for the limits of connections
    hasCgroup: true,
    // 3: something of inetd or xinetd is not carried over
    check: 'eval "$command $script check $words" >/dev/null || [ $? -eq 3 ]',
    // it logs there
    errorLevel: 'info',
    reload: { signal: 'HUP' },
  }),
];

function sysv(given: InetdCommand): readonly UnitFile[] {
  const text = `#!/bin/sh
${heading(given, 'sysv')}${comments({ name: NAME, description: DESCRIPTION })}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
pidfile=/run/${NAME}.pid
log=/var/log/${NAME}.log

start() {
	# 3: something of inetd or xinetd is not carried over
	${check(given)} >/dev/null || [ $? -eq 3 ] || return 1
	start-stop-daemon --start --quiet --oknodo --background --make-pidfile --pidfile "$pidfile" --startas "$0" -- run
}

stop() {
	# the second SIGTERM leaves the connections that are still open alone
	start-stop-daemon --stop --quiet --oknodo --remove-pidfile --pidfile "$pidfile" --retry TERM/20/TERM/5/KILL/5
}

case $1 in
start | stop) "$1" ;;
restart | force-reload) stop && start ;;
reload) start-stop-daemon --stop --quiet --pidfile "$pidfile" --signal HUP ;;
status) start-stop-daemon --status --pidfile "$pidfile" ;;
run) exec ${start(given)} >>"$log" 2>&1 ;;
*)
	echo "Usage: $0 start|stop|restart|reload|force-reload|status" >&2
	exit 2
	;;
esac
`;
  const head = heading(given, 'sysv');
  return [
    { path: NAME, mode: 0o755, text },
    { path: `logrotate.d/${NAME}`, isBeside: true, mode: 0o644, text: rotation(head, NAME) },
  ];
}

const directoryFor = (format: 'runit' | 's6') => (given: InetdCommand) =>
  serviceDirectory(format, {
    name: NAME,
    heading: heading(given, format),
    words: [...given.command, ...given.words],
    final: FINAL,
    staysInFront: false,
  });

const generators: Readonly<Record<Format, (given: InetdCommand) => readonly UnitFile[]>> = {
  systemd,
  openrc,
  sysv,
  runit: directoryFor('runit'),
  s6: directoryFor('s6'),
};

/** The files of the unit that runs a command line of uchroot-inetd at boot. */
export function inetdUnit(format: Format, given: InetdCommand): readonly UnitFile[] {
  return generators[format](given);
}
