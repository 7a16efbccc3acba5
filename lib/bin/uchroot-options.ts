// The options of uchroot: those of the launch (lib/launch/request/launch-option.ts), and those for other tasks. Their names are
// those of chroot, setpriv, bwrap and systemd.
import { UsageError } from '../errors.ts';
import type { LaunchOption } from '../launch/request/launch-option.ts';
import { optionsOf, setKeys, type KeyedOption } from '../launch/request/option-row.ts';
import { launchRows, type LaunchRequest } from '../launch/request/request.ts';
import { needs } from '../values/wrong.ts';
import { option, type Option } from '../values/command-option.ts';
import { quote } from '../words/quote.ts';
import type { GivenOption } from './arguments.ts';

/** The usage line of the C original. */
export const usageLine = 'Usage: uchroot {username} {directory} {program} [arguments]';

export interface CommandOption extends Option, Pick<LaunchOption, 'group' | 'notInUnit' | 'notCompiled'> {
  /** The option that this one requires. */
  readonly needs?: 'plan' | 'compile' | 'unit';
}

const chooseOne = {
  because: 'choose one',
  hint: 'afterwards, the launcher itself prints the steps with --plan, and an init system can start it as any program',
};

// Options for --unit or --compile only.
const ofUnit = (spelling: string, help: string): CommandOption =>
  option(spelling, help, { group: 'Init units', needs: 'unit' });
const ofCompile = (spelling: string, help: string): CommandOption =>
  option(spelling, help, { group: 'Compiled launchers', needs: 'compile' });

const notOfLaunch = (): readonly CommandOption[] => [
  option('--check', 'check the jail first, and start nothing in an unsafe one', {
    group: 'Jail',
    notCompiled: {
      because: 'a compiled launcher cannot check a jail',
      hint: 'uchroot-jail check DIRECTORY checks the jail now, and from cron(8) later',
    },
  }),
  option('--plan[=steps]', 'print what is shut, open and would fail, or each step; start nothing', {
    group: 'Reports',
    notInUnit: '--unit prints the unit instead of the steps: choose one',
    notCompiled: chooseOne,
  }),
  option('--doctor', 'print which levels of isolation work here, and what to do about the others', {
    group: 'Reports',
  }),
  option('--format text|json', 'how --plan and --doctor are printed (default: text)', {
    group: 'Reports',
    needs: 'plan',
  }),
  option('--service-status', 'for an init system: a launch that fails ends with 250 or 251, and says why', {
    group: 'Reports',
  }),
  option('--completion bash|zsh|fish', 'print the script with which this shell completes the commands', {
    group: 'Reports',
  }),
  option('--help[=all|untrusted]', 'this text, all options, or those of --untrusted', { group: 'Reports' }),
  option('--version', 'print the version', { group: 'Reports' }),
  option(
    '--unit FORMAT',
    'print the unit that performs this launch at boot: systemd, openrc, sysv, runit or s6',
    { group: 'Init units' },
  ),
  ofUnit('--unit-dir DIR', 'write its files to DIR instead'),
  ofUnit('--unit-name NAME', "name of the service (default: the program's)"),
  ofUnit(
    '--listen ADDRESS',
    'systemd listens for the program: a port, ADDRESS:PORT, a path or @NAME; may be repeated',
  ),
  ofUnit('--accept', 'one process a connection, on its standard input and output'),
  ofUnit('--notify', 'the program says when it is ready (sd_notify)'),
  ofUnit('--watchdog SECONDS', 'start it again if it sends no sign of life for this time'),
  ofUnit('--reload-signal SIGNAL', 'a reload sends this signal'),
  ofUnit('--reload-update', 'a reload first brings the jail up to date (uchroot-jail update)'),
  ofUnit('--syslog', "bring the socket of the host's log into the jail"),
  ofUnit(
    '--state NAME',
    'systemd makes /var/lib/NAME for the service, which has it in its jail; may be repeated',
  ),
  ofUnit('--runtime NAME', 'the same with /run/NAME, which goes with the service; may be repeated'),
  ofUnit('--credential NAME[:PATH]', 'a secret of systemd that only this service can read; may be repeated'),
  option('--compile FILE', 'write one static executable that performs this launch; start nothing', {
    group: 'Compiled launchers',
  }),
  ofCompile(
    '--any-inode',
    'accept another directory at the path of the jail, if its owner and mode are as safe',
  ),
  ofCompile('--architecture ARCH', "x64 or arm64 (default: this machine's)"),
];

let keyed: readonly KeyedOption[] | undefined;

/** The options of a launch. uchroot-tcpd run takes them too. */
export const launchOptions = (): readonly LaunchOption[] => keyedOptions().map(([, option]) => option);

/** The same with their keys of a request. */
export const keyedOptions = (): readonly KeyedOption[] => (keyed ??= optionsOf(launchRows));

export const commandOptions = (): readonly CommandOption[] => [...launchOptions(), ...notOfLaunch()];

/** A path from / on. @throws UsageError */
export function absolute(path: Buffer): Buffer {
  if (path.length === 0 || path[0] === 0x2f) return path;
  try {
    return Buffer.concat([Buffer.from(process.cwd().replace(/\/?$/, '/')), path]);
  } catch {
    throw new UsageError(
      `${quote(path)} is a relative path, and the working directory does not exist any more`,
      { hint: 'change to a directory that exists, such as cd /, or give an absolute path' },
    );
  }
}

const examples = { plan: true, compile: 'launcher', unit: 'systemd' } as const;

// Checks for options that exclude each other.
function checkTogether(given: readonly GivenOption[]): void {
  const names = new Set(given.map(([name]) => name));
  for (const { name, needs: other, notInUnit, notCompiled } of commandOptions()) {
    if (!names.has(name)) continue;
    if (other !== undefined && !names.has(other)) throw needs(`--${name}`, `--${other}`, examples[other]);
    if (notCompiled !== undefined && names.has('compile'))
      throw new UsageError(`--compile and --${name} are given at once: ${notCompiled.because}`, {
        hint: notCompiled.hint,
      });
    if (notInUnit !== undefined && names.has('unit'))
      throw new UsageError(`--${name}: ${notInUnit}`, { hint: `leave --${name} or --unit out` });
  }
}

/** The keys of a launch request that options of the command line set. @throws UsageError */
export function requestKeys(given: readonly GivenOption[]): Partial<LaunchRequest> {
  const keys: Record<string, unknown> = {};
  // The options are made only if the command line has some.
  if (given.length > 0) {
    checkTogether(given);
    setKeys(keys, given, keyedOptions());
  }
  return keys;
}
