// A service script for OpenRC: openrc-run(8), supervise-daemon(8).
import {
  heading,
  launchWords,
  plainWord,
  shellUpdate,
  shellWord,
  type Unit,
  type UnitFile,
} from './service-unit.ts';

const reloadFunction = (signal: string, update: Unit['update']): string => `
extra_started_commands=reload

reload() {
	ebegin "Reloading $RC_SVCNAME"${update === undefined ? '' : `\n\t${shellUpdate(update)} || { eend $?; return 1; }`}
	supervise-daemon "$RC_SVCNAME" --signal ${signal}
	eend $?
}
`;

/**
 * Words for a variable of OpenRC, which splits its variables at blanks and expands patterns in them before a shell reads the result
 * (supervise-daemon.sh). So each word that is not plain becomes a variable of its own, and there is a reference to it.
 */
export function openrcWords(words: readonly string[]): {
  readonly variables: string;
  readonly references: readonly string[];
} {
  const odd = [...new Set(words.filter((word) => !plainWord.test(word)))];
  return {
    variables: odd.map((word, index) => `word${index + 1}=${shellWord(word)}\n`).join(''),
    references: words.map((word) => (plainWord.test(word) ? word : `"$word${odd.indexOf(word) + 1}"`)),
  };
}

/**
 * The beginning of a script whose launches have limits. OpenRC puts a service, its supervisor and its loggers into one cgroup of version 2.
 * A cgroup that hands controllers down must have no process of its own (cgroups(7)). So the script goes to a cgroup below that one,
 * which uchroot knows by its name.
 */
export const cgroupFunctions = `
own_cgroup() {
	group=
	[ "$(command -v cgroup2_find_path)" != cgroup2_find_path ] || group="$(cgroup2_find_path)/openrc.$RC_SVCNAME"
	[ -d "$group" ]
}

enter_cgroup() {
	own_cgroup || return 0
	mkdir -p "$group/uchroot-main" && echo 0 >"$group/uchroot-main/cgroup.procs"
}

# OpenRC removes the cgroup of the service then.
stop_post() {
	own_cgroup || return 0
	# the supervisor may take a moment to end
	tenths=0
	until rmdir "$group/uchroot-main" 2>/dev/null || [ $tenths -eq 30 ]; do
		tenths=$((tenths + 1))
		sleep 0.1
	done
	return 0
}
`;

/** One script. supervise-daemon starts the program again after any status, until it has ended too often. */
export function openrcFiles(unit: Unit): readonly UnitFile[] {
  const { name, command, reloadSignal } = unit;
  const { variables, references } = openrcWords([...command, ...launchWords(unit)]);
  const [node = '', ...script] = references.slice(0, command.length);
  const launch = references.slice(command.length);
  return [
    {
      path: name,
      mode: 0o755,
      text: `#!/sbin/openrc-run
${heading(unit)}
description=${shellWord(unit.description)}
supervisor=supervise-daemon
respawn_delay=1
respawn_max=5
respawn_period=30
output_logger='logger -t ${name} -p daemon.info'
error_logger='logger -t ${name} -p daemon.err'

${variables}command='${node}'
uchroot='${script.join(' ')}'
launch='${launch.join(' ')}'
command_args="$uchroot $launch"

depend() {
	use net logger
	after localmount
}

${unit.hasCgroup ? `${cgroupFunctions.trimStart()}\n` : ''}# Tells on the terminal what would keep it from starting.
start_pre() {
${unit.hasCgroup ? '\tenter_cgroup || return 1\n' : ''}	eval "$command $uchroot --plan $launch" >/dev/null
}
${reloadSignal === undefined ? '' : reloadFunction(reloadSignal, unit.update)}`,
    },
  ];
}
