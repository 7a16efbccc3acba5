// The input for a unit of any init system, and the words of its launch for a shell. Pure.
//
// All texts are byte strings: one character a byte (latin1), because arguments and paths need not be UTF-8.
import { serviceStatuses } from '../../launch/tell/service-status.ts';
import { quote } from '../../words/quote.ts';
import { scriptLine } from '../../words/shell-word.ts';

export const formats = ['systemd', 'openrc', 'sysv', 'runit', 's6'] as const;

export type Format = (typeof formats)[number];

/** A launch, and how an init system runs it. */
export interface Unit {
  readonly format: Format;
  /** Name of the service, without suffix: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** The description of the service, in one line of printable text. */
  readonly description: string;
  /** The words that start uchroot: an absolute path, and what else node needs. */
  readonly command: readonly string[];
  /** Options of the launch, `--name` or `--name=value`. */
  readonly options: readonly string[];
  /** USER, the absolute path of the jail, the program and its arguments. */
  readonly operands: readonly [user: string, jail: string, program: string, ...args: string[]];
  /** Addresses on which the init system listens, as systemd.socket(5) has them. */
  readonly listen: readonly string[];
  /** Each connection gets a process, with the connection as its standard input and output. */
  readonly accept: boolean;
  /** The program says when it is ready. */
  readonly notify: boolean;
  /** The process that the init system starts waits for the program, which is its child. */
  readonly hasWaiter: boolean;
  /** uchroot makes a cgroup, for limits. */
  readonly hasCgroup: boolean;
  /** A process stays beside the program that passes its connections on. */
  readonly hasRelay: boolean;
  /** Seconds without a sign of life after which the program is killed and started again. */
  readonly watchdogSec: number | undefined;
  /** Signal that makes the program read its configuration again, without SIG. */
  readonly reloadSignal: string | undefined;
  /** The command that a reload runs first, to bring the jail up to date. */
  readonly update: readonly string[] | undefined;
  /** The jail gets the socket of the host's log. */
  readonly syslog: boolean;
  /** A compiled launcher, which has the options and operands in it; undefined if uchroot itself performs the launch. */
  readonly compiled: string | undefined;
  /** Directories that the init system makes for the service, and mounts into the jail: their names below each base. */
  readonly state: readonly string[];
  readonly runtime: readonly string[];
  /** Secrets that the init system gives the service: NAME or NAME:PATH. */
  readonly credentials: readonly string[];
  /** Further settings of the service. */
  readonly settings: readonly string[];
  /** File of the pid, for an init system that needs one. */
  readonly pidFile: string;
  /** Version of uchroot, for the comment. */
  readonly version: string;
}

export interface UnitFile {
  /** Path below the directory in which the init system looks for units. */
  readonly path: string;
  /** It lies beside that directory instead, if the directory is called init.d. */
  readonly isBeside?: boolean;
  readonly mode: 0o644 | 0o755;
  /** A byte string. */
  readonly text: string;
}

/** Why an init system cannot run a unit, and what to do. */
export interface UnitRefusal {
  readonly message: string;
  readonly hint: string;
}

/** The directory in which each init system looks for units. */
export const unitDirectories: Readonly<Record<Format, string>> = {
  systemd: '/etc/systemd/system',
  openrc: '/etc/init.d',
  sysv: '/etc/init.d',
  runit: '/etc/sv',
  s6: '/etc/s6/sv',
};

/** The exit status of a launch that would fail again. launchWords() asks for it. */
export const finalStatus: number = serviceStatuses.final;

/** The comment on top of each file. */
export function heading(unit: Unit): string {
  if (unit.compiled !== undefined)
    return `# Made by uchroot ${unit.version} --unit ${unit.format}. The launcher has the whole launch in it: make both again to change it.
`;
  return `# Made by uchroot ${unit.version} --unit ${unit.format}. The paths of node and uchroot are those of that moment:
# make it again when one of them moves.
`;
}

/** The words of the launch after those that start uchroot. */
export function launchWords({ options, operands, compiled }: Unit): readonly string[] {
  if (compiled !== undefined) return [];
  // a name that begins with a dash would be read as an option
  return ['--service-status', ...options, ...(operands[0].startsWith('-') ? ['--'] : []), ...operands];
}

/** A byte string as one line for a comment or description. */
export function oneLine(text: string): string {
  return Buffer.from(quote(Buffer.from(text, 'latin1'))).toString('latin1');
}

/** A word in which no character has a meaning for a shell or for systemd. */
export const plainWord: RegExp = /^[A-Za-z0-9_./:=,@+-]+$/;

/**
 * A command of a shell that runs an update. It also succeeds if the update has left files as they are because they were changed in the
 * jail: uchroot-jail(8) has told of them, and ends with 3.
 */
export const shellUpdate = (words: readonly string[]): string => `${scriptLine(words)} || [ $? -eq 3 ]`;

/** The launch as one command of a shell. */
export const shellLaunch = (unit: Unit): string => scriptLine([...unit.command, ...launchWords(unit)]);
