// A service script for OpenRC: openrc-run(8), supervise-daemon(8).
import { scriptWord } from '../../words/shell-word.ts';
import { heading, launchWords, plainWord, shellUpdate, type Unit, type UnitFile } from './service-unit.ts';

/**
 * Words for a variable of OpenRC. OpenRC splits the value at blanks and expands patterns in it, and then a shell reads the result
 * (supervise-daemon.sh). So each word that is not plain becomes a variable of its own, and the value has a reference to it.
 */
function openrcWords(words: readonly string[]): {
  readonly variables: string;
  readonly references: readonly string[];
} {
  const odd = [...new Set(words.filter((word) => !plainWord.test(word)))];
  return {
    variables: odd.map((word, index) => `word${index + 1}=${scriptWord(word)}\n`).join(''),
    references: words.map((word) => (plainWord.test(word) ? word : `"$word${odd.indexOf(word) + 1}"`)),
  };
}

/**
 * Functions for a script whose launches have limits. OpenRC puts a service, its supervisor and its loggers into one cgroup of version 2.
 * But a cgroup that hands controllers down must have no process of its own (cgroups(7)). So the script moves to a cgroup below it, whose
 * name uchroot knows.
 */
const cgroupFunctions = `
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

/** What a script of OpenRC supervises. */
interface Supervised {
  readonly name: string;
  readonly heading: string;
  readonly description: string;
  /** The words that start uchroot, and those of its command line. */
  readonly command: readonly string[];
  readonly words: readonly string[];
  readonly hasCgroup: boolean;
  /** The level of what it writes to standard error. */
  readonly errorLevel: 'err' | 'info';
  /** The command that tells what would keep it from starting. `$command`, `$script` and `$words` are the words. */
  readonly check: string;
  /** The signal for a reload, and the command before it. */
  readonly reload: { readonly signal: string; readonly update?: string | undefined } | undefined;
}

const reloadFunction = ({ signal, update }: NonNullable<Supervised['reload']>): string => `
extra_started_commands=reload

reload() {
	ebegin "Reloading $RC_SVCNAME"${update === undefined ? '' : `\n\t${update} || { eend $?; return 1; }`}
	supervise-daemon "$RC_SVCNAME" --signal ${signal}
	eend $?
}
`;

/** One script. supervise-daemon starts the program again after any status, until it has ended too often. */
export function openrcScript(given: Supervised): UnitFile {
  const { name, command, hasCgroup, reload } = given;
  const { variables, references } = openrcWords([...command, ...given.words]);
  const [node = '', ...script] = references.slice(0, command.length);
  return {
    path: name,
    mode: 0o755,
    text: `#!/sbin/openrc-run
${given.heading}
description=${scriptWord(given.description)}
supervisor=supervise-daemon
respawn_delay=1
respawn_max=5
respawn_period=30
output_logger='logger -t ${name} -p daemon.info'
error_logger='logger -t ${name} -p daemon.${given.errorLevel}'

${variables}command='${node}'
script='${script.join(' ')}'
words='${references.slice(command.length).join(' ')}'
command_args="$script $words"

depend() {
	use net logger
	after localmount
}

${hasCgroup ? `${cgroupFunctions.trimStart()}\n` : ''}# Tells on the terminal what would keep it from starting.
start_pre() {
${hasCgroup ? '\tenter_cgroup || return 1\n' : ''}	${given.check}
}
${reload === undefined ? '' : reloadFunction(reload)}`,
  };
}

export function openrcFiles(unit: Unit): readonly UnitFile[] {
  const { reloadSignal, update } = unit;
  return [
    openrcScript({
      ...unit,
      heading: heading(unit),
      words: launchWords(unit),
      errorLevel: 'err',
      check: 'eval "$command $script --plan $words" >/dev/null',
      reload:
        reloadSignal === undefined
          ? undefined
          : { signal: reloadSignal, update: update && shellUpdate(update) },
    }),
  ];
}
