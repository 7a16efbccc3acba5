// What a unit is made from and what it consists of. Pure, like everything in this directory.
//
// Text is a byte string here, one character a byte (latin1), since arguments and paths need not be UTF-8.
import { serviceStatuses } from '../../launch/tell/service-status.ts';
import { quote } from '../../quote.ts';

/** The init systems that units are made for. */
export const formats = ['systemd', 'openrc', 'sysv', 'runit', 's6'] as const;

export type Format = (typeof formats)[number];

/** A launch, and how it is to be run at boot. */
export interface Unit {
  readonly format: Format;
  /** Name of the service, without suffix: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** What the service is, in one line of printable text. */
  readonly description: string;
  /** The words that start uchroot: an absolute path, and what else node needs. */
  readonly command: readonly string[];
  /** Options of the launch, `--name` or `--name=value`. */
  readonly options: readonly string[];
  /** USER, the absolute path of the jail, the program and its arguments. */
  readonly operands: readonly [user: string, jail: string, program: string, ...args: string[]];
  /** Addresses on which the init system listens, as systemd.socket(5) has them. */
  readonly listen: readonly string[];
  /** One process a connection, which is its standard input and output. */
  readonly accept: boolean;
  /** The program says when it is ready. */
  readonly notify: boolean;
  /** Seconds without a sign of life after which the program is killed and started anew. */
  readonly watchdogSec: number | undefined;
  /** Signal that makes the program read its configuration again, without SIG. */
  readonly reloadSignal: string | undefined;
  /** The words of a command that a reload runs first, to bring the jail up to date. */
  readonly update: readonly string[] | undefined;
  /** The socket of the host's log is brought into the jail. */
  readonly syslog: boolean;
  /** File of the pid, for an init system that goes by one. */
  readonly pidFile: string;
  /** Version of uchroot, for the comment. */
  readonly version: string;
}

/** One file of a unit. */
export interface UnitFile {
  /** Path below the directory in which the init system looks for units. */
  readonly path: string;
  /** It belongs beside that directory instead, where that is called init.d. */
  readonly isBeside?: boolean;
  readonly mode: 0o644 | 0o755;
  /** A byte string. */
  readonly text: string;
}

/** Where each init system looks for units. */
export const unitDirectories: Readonly<Record<Format, string>> = {
  systemd: '/etc/systemd/system',
  openrc: '/etc/init.d',
  sysv: '/etc/init.d',
  runit: '/etc/sv',
  s6: '/etc/s6/sv',
};

/** How a launch ends when another try would end in the same way, since launchWords() asks for it. */
export const finalStatus: number = serviceStatuses.final;

/** The comment on top of each file. */
export function heading(unit: Unit): string {
  return `# Made by uchroot ${unit.version} --unit ${unit.format}. The paths of node and uchroot are those of that moment:
# make it again when one of them moves.
`;
}

/** The words of the launch after those that start uchroot. */
export function launchWords({ options, operands }: Unit): readonly string[] {
  // only a name that looks like an option has to be kept from being one
  return ['--service-status', ...options, ...(operands[0].startsWith('-') ? ['--'] : []), ...operands];
}

/** A byte string as one line for a comment or description. */
export function oneLine(text: string): string {
  return Buffer.from(quote(Buffer.from(text, 'latin1'))).toString('latin1');
}
