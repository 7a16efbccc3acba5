// A script for System V init: "Init Script Actions" and "Comment Conventions" of the Linux Standard Base, and sh(1).
import { scriptWord } from '../../words/shell-word.ts';
import { heading, shellLaunch, shellUpdate, type Unit, type UnitFile } from './service-unit.ts';

/** The comments by which the system knows a script. */
export function comments({ name, description }: Pick<Unit, 'name' | 'description'>): string {
  return `### BEGIN INIT INFO
# Provides:          ${name}
# Required-Start:    $remote_fs $syslog $network
# Required-Stop:     $remote_fs $syslog $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: ${description}
### END INIT INFO
`;
}

// The pid may belong to another process by now, so the root directory must be the jail too.
const runningFunction = `
running() {
	read -r pid 2>/dev/null <"$pidfile" && [ "/proc/$pid/root" -ef "$jail" ]
}
`;

// The same if a process of uchroot waits for the program. If the jail is a copy in memory, the root directory is another one.
const waiterFunction = (isCopy: boolean): string => `
# The pid is that of uchroot, which waits. Its third word is the pid of the program, or of its init.
running() {
	read -r pid 2>/dev/null <"$pidfile" || return 1
	[ -r "/proc/$pid/cmdline" ] || return 1
	set -- $(tr '\\0' ' ' <"/proc/$pid/cmdline")
	[ "$1 $2" = 'uchroot wait' ] && ${isCopy ? '[ -d "/proc/$3" ]' : '[ "/proc/$3/root" -ef "$jail" ]'}
}
`;

const functions = `
start() {
	if running; then
		echo "$name is running, pid $pid"
		return 0
	fi
	# uchroot closes descriptor 3 when it executes the program: this waits until then, and no longer
	status=$(exec 3>&1 >>"$log" 2>&1 </dev/null; launch &)
	case $status in
	*'"event":"failed"'* | '')
		echo "$name does not start; the end of $log:" >&2
		tail -n 2 "$log" >&2
		return 1
		;;
	esac
	# long enough for a program to put itself into the background
	sleep 0.3
	if ! running; then
		echo "$name has ended already; it has to stay in the foreground; the end of $log:" >&2
		tail -n 2 "$log" >&2
		return 7
	fi
	echo "$name is started"
}

stop() {
	if ! running; then
		echo "$name is not running"
		rm -f "$pidfile"
		return 0
	fi
	kill -s TERM "$pid"
	tenths=0
	while running; do
		tenths=$((tenths + 1))
		# its process group, of which uchroot has made it the leader
		[ $tenths -eq $((patience * 10)) ] && kill -s KILL -- "-$pid"
		if [ $tenths -gt $((patience * 10 + 50)) ]; then
			echo "$name does not end, pid $pid" >&2
			return 1
		fi
		sleep 0.1
	done
	rm -f "$pidfile"
	echo "$name is stopped"
}

status() {
	if running; then
		echo "$name is running, pid $pid"
	elif [ -e "$pidfile" ]; then
		echo "$name is dead, and $pidfile exists"
		return 1
	else
		echo "$name is not running"
		return 3
	fi
}
`;

const reloadFunction = (signal: string, update: Unit['update']): string => `
reload() {
	if ! running; then
		echo "$name is not running" >&2
		return 7
	fi${update === undefined ? '' : `\n\t${shellUpdate(update)} || return 1`}
	kill -s ${signal} "$pid"
}
`;

// The program has the log open for appending, so logrotate(8) can cut it at any time (copytruncate).
export const rotation = (head: string, name: string): string => `${head}/var/log/${name}.log {
	weekly
	maxsize 100M
	rotate 8
	compress
	missingok
	notifempty
	copytruncate
}
`;

/** A script, and the rotation of its log. */
export function sysvFiles(unit: Unit): readonly UnitFile[] {
  const { name, operands, reloadSignal } = unit;
  const ours = ['--status-fd=3', `--pid-file=${unit.pidFile}`, '--new-session'];
  const others = unit.options.filter(
    (option) => option !== '--new-session' && !option.startsWith('--pid-file='),
  );
  const reloads = reloadSignal !== undefined;
  const isCopy = unit.options.some((option) => /^--ephemeral(=|$)/.test(option));
  const running = unit.hasWaiter ? waiterFunction(isCopy) : runningFunction;
  return [
    {
      path: name,
      mode: 0o755,
      text: `#!/bin/sh
${heading(unit)}${comments(unit)}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
name=${name}
jail=${scriptWord(operands[1])}
pidfile=${scriptWord(unit.pidFile)}
log=/var/log/${name}.log
# seconds between SIGTERM and SIGKILL
patience=20

launch() {
	exec ${shellLaunch({ ...unit, options: [...ours, ...others] })}
}
${running}${functions}${reloads ? reloadFunction(reloadSignal, unit.update) : ''}
case $1 in
start | stop | status${reloads ? ' | reload' : ''}) "$1" ;;
restart | force-reload) stop && start ;;
*)
	echo "Usage: $0 start|stop|restart|force-reload|status${reloads ? '|reload' : ''}" >&2
	exit 2
	;;
esac
`,
    },
    { path: `logrotate.d/${name}`, isBeside: true, mode: 0o644, text: rotation(heading(unit), name) },
  ];
}
