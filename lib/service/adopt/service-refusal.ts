// Why a service cannot be adopted, or its jail not be changed, and what to do. Pure.
import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { type InstalledService, isListed, numberOf, textOf } from './installed/installed-service.ts';
import { knownOf } from './installed/known-daemons.ts';
import type { ServicePath } from './installed/service-paths.ts';
import { isMounted, unmountable, unshareable } from './installed/unit-mounts.ts';

export interface Refusal {
  readonly message: string;
  readonly hint?: string;
}

/** @throws UsageError for the first of these refusals that there is */
export function refuse(...found: readonly (Refusal | undefined)[]): void {
  const refusal = found.find((one) => one !== undefined);
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal);
}

type Row = readonly [isRefused: boolean, reason: string, hint: string];

const cannot = (unit: string, reason: string, hint: string): Refusal => ({
  message: `${unit} cannot be adopted: ${reason}`,
  hint,
});

const edit = (unit: string): string => commandLine('systemctl', 'edit', '--full', unit);

const verify = (unit: string): string =>
  `${commandLine('systemd-analyze', 'verify', unit)} says what is wrong in it`;

const leaveIt = (unit: string): string =>
  `leave it as it is: ${commandLine('systemctl', 'edit', unit)} can harden it without a jail`;

/** The first reason why a service cannot be carried into a jail; undefined if there is none. */
export function refusalOf(service: InstalledService): Refusal | undefined {
  const { unit, loadState, isTransient } = service;
  if (loadState === 'not-found')
    return {
      message: `there is no unit ${unit}`,
      hint: 'install it first: systemctl list-unit-files --type=service lists those that are there',
    };
  const rows: readonly Row[] = [
    [loadState === 'masked', 'it is masked', commandLine('systemctl', 'unmask', unit)],
    [loadState !== 'loaded', `it is ${loadState}`, verify(unit)],
    [
      isTransient,
      'it is transient, and has no file beside which a drop-in could lie',
      'write a unit to a file first: uchroot --unit systemd does so for a program in a jail',
    ],
    ...settingRows(service),
  ];
  const [, reason, hint] = rows.find(([isRefused]) => isRefused) ?? [];
  return reason === undefined ? undefined : cannot(unit, reason, hint ?? '');
}

// What its unit says.
function settingRows(service: InstalledService): readonly Row[] {
  const { unit, lines, settings } = service;
  const starts = lines.filter(({ kind }) => kind === 'ExecStart');
  const { program = '', flags = [] } = starts[0] ?? {};
  const { hostWork } = knownOf(service);
  const script = scriptOf(service);
  const change =
    script === undefined
      ? `leave it as it is, or take this out of its unit: ${edit(unit)}`
      : `it is the script ${script}: write a unit with User= and an ExecStart= that stays in the foreground to /etc/systemd/system/${unit}, start that, and adopt it`;
  const leave = leaveIt(unit);
  const start = 'leave it as it is, or start its program in a jail: ExecStart=uchroot USER DIRECTORY PROGRAM';
  const [left, path, shared] = [leavesProcesses(service), unmountable(settings), unshareable(settings)];
  const uncarried = (name: string, hint: string): Row => {
    const value = textOf(settings, name);
    return [value !== '' || isListed(settings, name), `${name}=${value}, which uchroot does not carry`, hint];
  };
  return [
    [starts.length !== 1, `it has ${starts.length} lines ExecStart=`, change],
    [
      flags.includes('privileged'),
      'its ExecStart= begins with +: it runs with all privileges',
      servesHost.test(program) ? leave : change,
    ],
    // a jail has nothing of the host itself
    [servesHost.test(program), `${program} works on the host itself`, leave],
    [hostWork !== undefined, hostWork ?? '', leave],
    [textOf(settings, 'Type') === 'oneshot', 'Type=oneshot: it is no daemon', start],
    [
      settings.RefuseManualStart === true || settings.RefuseManualStop === true,
      'RefuseManualStart= or RefuseManualStop=: systemd does not restart it for a command',
      change,
    ],
    [left !== undefined, `${left}, so it could be put neither into a jail nor back`, change],
    [
      textOf(settings, 'BusName') !== '',
      `BusName=${textOf(settings, 'BusName')}: the bus is not in its jail`,
      leave,
    ],
    // the service does not work without it
    uncarried('PAMName', leave),
    ...['RootDirectory', 'RootImage', 'NetworkNamespacePath'].map((name) => uncarried(name, change)),
    ...['ExtensionDirectories', 'ExtensionImages', 'MountImages'].map((name) => uncarried(name, change)),
    [
      path !== undefined,
      `its mounts have the path ${quote(path ?? '')}: blanks, quotes and colons are not carried`,
      change,
    ],
    [
      shared !== undefined,
      `ReadWritePaths=${shared}: a jail shares directories of data, and none of the system`,
      change,
    ],
    [numberOf(settings, 'SecureBits') !== 0, 'SecureBits=, which a launch resets', change],
    [textOf(settings, 'StandardInput') === 'tty', 'it uses a terminal', change],
  ];
}

// The parts of systemd and the system bus.
const servesHost = /^(?:\/usr)?\/lib\/systemd\/(?!systemd-socket-proxyd$)|\/dbus-(?:daemon|broker-launch)$/;

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

// The script of System V for which systemd has made a unit (systemd-sysv-generator(8)).
const scriptOf = ({ fragment, lines }: InstalledService): string | undefined =>
  fragment.startsWith('/run/systemd/generator')
    ? lines.find(({ kind, program }) => kind === 'ExecStart' && program.startsWith('/etc/init.d/'))?.program
    : undefined;

/** The reason if the program of ExecStart= is not there. */
export function missingProgram(
  { unit, lines }: Pick<InstalledService, 'unit' | 'lines'>,
  isOnHost: (path: string) => boolean,
): Refusal | undefined {
  const program = lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '';
  const reason = `the program of its ExecStart=, ${program}, is not installed`;
  return isOnHost(program)
    ? undefined
    : cannot(unit, reason, `install it, or correct the path: ${edit(unit)}`);
}

type Stated = Pick<InstalledService, 'unit' | 'loadState'>;

/** The reason if the unit of an adopted service is gone, for example with its package. */
export const goneRefusal = ({ unit, loadState }: Stated): Refusal | undefined =>
  loadState === 'not-found'
    ? {
        message: `the unit ${unit} has gone`,
        hint: `install it again, or remove its jail: ${commandLine('uchroot-service', 'release', unit)}`,
      }
    : undefined;

/** The reason if systemd would not start a service that runs again, because of itself or of a unit that it needs. */
export function stuckRefusal(unit: string, needed: string, loadState: string): Refusal | undefined {
  if (loadState === 'loaded') return undefined;
  const state = loadState === 'not-found' ? 'not there' : loadState;
  const its = needed === unit ? `${unit} is ${state}` : `${unit} needs ${needed}, which is ${state}`;
  const instead =
    needed === unit ? commandLine('systemctl', 'stop', unit) : `take it out of the unit: ${edit(unit)}`;
  const hints: Readonly<Record<string, string>> = {
    masked: commandLine('systemctl', 'unmask', needed),
    'not-found': `install it again, or ${instead}`,
  };
  return { message: `${its}: it runs, but cannot be restarted`, hint: hints[loadState] ?? verify(needed) };
}

/** The reason if a program of `--program` is no file. An update uses the programs of the adoption; a file may be gone since then. */
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

type Paths = readonly Pick<ServicePath, 'path'>[];

/** A path of the service that no setting can mount. `%` can be written. */
export function pathRefusal(unit: string, paths: Paths): Refusal | undefined {
  const found = paths.find(({ path }) => /[\s"'\\:]/.test(path))?.path;
  const reason = `it has the path ${quote(found ?? '')}: blanks, quotes and colons are not carried`;
  return found === undefined ? undefined : cannot(unit, reason, leaveIt(unit));
}

/**
 * A daemon that logs users of the host in needs their passwords and homes. A jail must not have these. Such a daemon is known by the
 * file for PAM in its package. `given` are the paths that the caller has named.
 */
export function loginRefusal(unit: string, packed: readonly string[], given: Paths): Refusal | undefined {
  const file = packed.find((path) => path.startsWith('/etc/pam.d/'));
  if (file === undefined || given.some(({ path }) => path === file)) return undefined;
  return cannot(
    unit,
    `it logs in accounts of the host (${file}), whose passwords and homes are not in a jail`,
    `if it has only accounts of its own, say so by --ro-bind ${file}`,
  );
}

/** Why the service cannot start in its WorkingDirectory=; undefined if it can. `cwd` is the home of its user for `~`. */
export function directoryRefusal(
  { unit, settings }: Pick<InstalledService, 'unit' | 'settings'>,
  cwd: string,
  paths: Paths,
  isInJail: (path: string) => boolean,
): Refusal | undefined {
  const place = cwd.replace(/(?<=.)\/+$/, '');
  if (!place.startsWith('/') || isMounted(settings, paths, place)) return undefined;
  const its = `its WorkingDirectory=, ${place},`;
  // even if the jail has it
  if (/^\/(home|root)(\/|$)/.test(place))
    return cannot(
      unit,
      `${its} is hidden by ProtectHome=, which an adopted service has`,
      `name another directory: ${edit(unit)}`,
    );
  const hint = `${commandLine('--ro-bind', place)} brings it in; if the service writes there: ${commandLine('--bind', place)}`;
  return isInJail(place) ? undefined : cannot(unit, `${its} is not in the jail`, hint);
}
