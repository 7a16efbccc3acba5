// Why a service cannot be adopted. Pure.
import { isListed, listOf, numberOf, type InstalledService, textOf } from '../installed/installed-service.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { unservedCall } from '../installed/launcher-calls.ts';
import { unmountable, unshareable } from '../installed/unit-mounts.ts';
import { quote } from '../../../words/quote.ts';
import type { ServicePath } from '../installed/service-paths.ts';

/** Whether its program works on the host itself, as the parts of systemd and the system bus do. A jail has nothing of that. */
export const servesHost = ({ lines }: Pick<InstalledService, 'lines'>): boolean =>
  lines.some(
    ({ kind, program }) =>
      kind === 'ExecStart' &&
      /^(?:\/usr)?\/lib\/systemd\/(?!systemd-socket-proxyd$)|\/dbus-(?:daemon|broker-launch)$/.test(program),
  );

/** The first reason why a service cannot be carried into a jail; undefined if there is none. */
export function refusalOf(service: InstalledService): string | undefined {
  const { unit, lines, settings, loadState } = service;
  const refused = (reason: string): string => `${unit} cannot be adopted: ${reason}`;
  if (loadState === 'not-found') return `there is no unit ${unit}`;
  if (loadState !== 'loaded') return refused(`it is ${loadState}`);
  if (service.isTransient)
    return refused('it is transient, and has no file beside which a drop-in could lie');
  const starts = lines.filter(({ kind }) => kind === 'ExecStart');
  const [start] = starts;
  if (start === undefined || starts.length > 1) return refused(`it has ${starts.length} lines ExecStart=`);
  if (start.flags.includes('privileged'))
    return refused('its ExecStart= begins with +: it runs with all privileges');
  if (servesHost(service)) return refused(`${start.program} works on the host itself`);
  if (textOf(settings, 'Type') === 'oneshot') return refused('Type=oneshot: it is no daemon');
  const left = leavesProcesses(service);
  if (left !== undefined) return refused(`${left}, so it could be put neither into a jail nor back`);
  const bus = textOf(settings, 'BusName');
  if (bus !== '') return refused(`BusName=${bus}: the bus is not in its jail`);
  for (const name of ['RootDirectory', 'RootImage', 'PAMName', 'NetworkNamespacePath'] as const)
    if (textOf(settings, name) !== '')
      return refused(`${name}=${textOf(settings, name)}, which uchroot does not carry`);
  for (const name of ['ExtensionDirectories', 'ExtensionImages', 'MountImages'])
    if (isListed(settings, name)) return refused(`${name}=, which uchroot does not carry`);
  const path = unmountable(settings);
  if (path !== undefined)
    return refused(`its mounts have the path ${quote(path)}: blanks, quotes and colons are not carried`);
  const shared = unshareable(settings);
  if (shared !== undefined)
    return refused(`ReadWritePaths=${shared}: a jail shares directories of data, and none of the system`);
  if (numberOf(settings, 'SecureBits') !== 0) return refused('SecureBits=, which a launch resets');
  if (textOf(settings, 'StandardInput') === 'tty') return refused('it uses a terminal');
  return undefined;
}

// systemd would run ExecStop= of the drop-in, which finds no process outside of the jail, and kill nothing (systemd.kill(5), KillMode=).
// Then the service could not start again beside its own process.
function leavesProcesses({ settings, isActive }: InstalledService): string | undefined {
  const mode = textOf(settings, 'KillMode');
  if (mode === 'none') return 'KillMode=none: systemd ends none of its processes';
  const isKnown =
    textOf(settings, 'Type') !== 'forking' ||
    textOf(settings, 'PIDFile') !== '' ||
    (settings.GuessMainPID !== false && (!isActive || numberOf(settings, 'MainPID') !== 0));
  return mode === 'process' && !isKnown
    ? 'KillMode=process, and systemd does not know its main process: it ends none of its processes'
    : undefined;
}

/** The script of System V for which systemd has made a unit (systemd-sysv-generator(8)); undefined for any other unit. */
export const scriptOf = ({
  fragment,
  lines,
}: Pick<InstalledService, 'fragment' | 'lines'>): string | undefined =>
  fragment.startsWith('/run/systemd/generator')
    ? lines.find(({ kind, program }) => kind === 'ExecStart' && program.startsWith('/etc/init.d/'))?.program
    : undefined;

export interface Refusal {
  readonly message: string;
  readonly hint?: string;
}

/** The reason if the unit of an adopted service is gone, for example with its package; undefined if the unit is there. */
export function goneRefusal({
  unit,
  loadState,
}: Pick<InstalledService, 'unit' | 'loadState'>): Refusal | undefined {
  if (loadState !== 'not-found') return undefined;
  return {
    message: `the unit ${unit} has gone`,
    hint: `install it again, or remove its jail: ${commandLine('uchroot-service', 'release', unit)}`,
  };
}

/** The reason if a service runs, but cannot be started again; undefined if it can. */
export function maskedRefusal({
  unit,
  loadState,
  isActive,
}: Pick<InstalledService, 'unit' | 'loadState' | 'isActive'>): Refusal | undefined {
  if (loadState !== 'masked' || !isActive) return undefined;
  return {
    message: `${unit} is masked: it runs, but cannot be restarted`,
    hint: commandLine('systemctl', 'unmask', unit),
  };
}

/**
 * The reason if a program of `--program` is no file. `update` uses the programs that `adopt` was given; a file may be gone since then.
 *
 * @param kindOf `file`, `directory` or undefined
 */
export function programRefusal(
  unit: string,
  programs: readonly string[],
  kindOf: (path: string) => 'file' | 'directory' | undefined,
): Refusal | undefined {
  const path = programs.find((program) => kindOf(program) !== 'file');
  if (path === undefined) return undefined;
  if (kindOf(path) === 'directory')
    return {
      message: `${path} is a directory, and no program`,
      hint: `${commandLine('--ro-bind', path)} brings it into the jail`,
    };
  return {
    message: `${unit}: the program ${path}, which was named with --program, is not there`,
    hint: `put it back; to do without it: ${commandLine('uchroot-service', 'release', unit)}, then adopt it again`,
  };
}

/** A path of the service that no setting can mount. `%` can be written. */
export function pathRefusal(unit: string, paths: readonly Pick<ServicePath, 'path'>[]): Refusal | undefined {
  const found = paths.find(({ path }) => /[\s"'\\:]/.test(path));
  if (found === undefined) return undefined;
  return {
    message: `${unit} cannot be adopted: it has the path ${quote(found.path)}: blanks, quotes and colons are not carried`,
    hint: `leave it as it is: ${commandLine('systemctl', 'edit', unit)} can harden it without a jail`,
  };
}

/**
 * A daemon that logs users of the host in needs their passwords and homes. A jail must not have these. Such a daemon is known by the
 * file for PAM in its package. `given` are the paths that the caller has named.
 */
export function loginRefusal(
  unit: string,
  packed: readonly string[],
  given: readonly Pick<ServicePath, 'path'>[],
): Refusal | undefined {
  const file = packed.find((path) => path.startsWith('/etc/pam.d/'));
  if (file === undefined || given.some(({ path }) => path === file)) return undefined;
  return {
    message: `${unit} cannot be adopted: it logs in accounts of the host (${file}), whose passwords and homes are not in a jail`,
    hint: `if it has only accounts of its own, say so by --ro-bind ${file}`,
  };
}

/**
 * Why the launcher cannot start the service with the settings of its unit, so that systemd must enter the jail; undefined if it can.
 */
export function launcherRefusal(
  { settings, lines }: Pick<InstalledService, 'settings' | 'lines'>,
  caps: readonly string[],
): string | undefined {
  if (settings.DynamicUser === true) return 'DynamicUser=: the user is another one at each start';
  if (numberOf(settings, 'Nice') < 0) return 'Nice= is negative';
  if (numberOf(settings, 'OOMScoreAdjust') < 0) return 'OOMScoreAdjust= is negative';
  if (numberOf(settings, 'CPUSchedulingPolicy') !== 0) return 'CPUSchedulingPolicy=';
  if (caps.includes('sys_chroot'))
    return 'it changes its root directory itself, which a chroot does not confine';
  const cwd = textOf(settings, 'WorkingDirectory');
  if (cwd === '~') return 'WorkingDirectory=~';
  if (cwd.startsWith('!')) return 'its WorkingDirectory= may be missing';
  const start = lines.find(({ kind }) => kind === 'ExecStart');
  if (numberOf(settings, 'TimerSlackNSec') > defaultSlackNs) return 'TimerSlackNSec=';
  const own = lines.filter(
    ({ program, flags }) => program === start?.program && !flags.includes('no-env-expand'),
  );
  const call = unservedCall(settings);
  if (call !== undefined) return `SystemCallFilter= refuses ${call}`;
  const late = own
    .flatMap(({ argv }) => argv.flatMap(variablesIn))
    .find((name) => isSetAtStart(settings, name));
  return late === undefined
    ? undefined
    : `a line of its own program has $${late}, which systemd sets at each start`;
}

// prctl(2), PR_SET_TIMERSLACK. A launch sets it.
const defaultSlackNs = 50_000;

// The names of variables in a word of a command line, as expandWords() finds them.
function variablesIn(word: string): readonly string[] {
  const [, alone] = /^\$([^${].*)$/s.exec(word) ?? [];
  return alone === undefined
    ? [...word.matchAll(/\$\$|\$\{([^}]*)\}/g)].flatMap(([, name]) => name ?? [])
    : [alone];
}

// systemd.exec(5), ENVIRONMENT VARIABLES SET OR PROPAGATED BY THE SERVICE MANAGER. Directories are known before.
const setAtStart =
  /^(PATH|LANG|LC_\w+|USER|LOGNAME|HOME|SHELL|TERM|\w*PID|\w*PIDFDID|INVOCATION_ID|LISTEN_\w+|NOTIFY_SOCKET|WATCHDOG_USEC|JOURNAL_STREAM|LOG_NAMESPACE|SERVICE_RESULT|EXIT_\w+|MONITOR_\w+|PIDFILE|REMOTE_\w+|TRIGGER_\w+|MEMORY_PRESSURE_\w+|FDSTORE)$/;

/** Whether systemd sets a variable for each service at its start. */
export const isSetByManager = (name: string): boolean => setAtStart.test(name);

const isSetAtStart = (settings: InstalledService['settings'], name: string): boolean =>
  isSetByManager(name) || listOf(settings, 'PassEnvironment').includes(name);
