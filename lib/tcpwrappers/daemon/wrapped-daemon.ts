// Finds the daemon behind a wrapper in a command of inetd, xinetd or systemd.

import { type BytePath, lastComponent } from '../../tree/path.ts';
import { optionsOf } from '../../launch/request/option-row.ts';
import { launchRows } from '../../launch/request/request.ts';

/** Names of wrappers; uchroot-tcpd takes the daemon as an operand. */
const WRAPPERS: ReadonlySet<string> = new Set(['tcpd', 'uchroot-tcpd', 'uchroot-tcpd.cjs']);

/** Whether a program asks the rules for the daemon that it starts. */
export const isWrapper = (program: BytePath): boolean => WRAPPERS.has(lastComponent(program));

/** The words behind `uchroot-tcpd run`. */
export interface RunWords {
  readonly options: readonly (readonly [name: string, text: string])[];
  /** A path or a name. */
  readonly daemon: string;
  readonly args: readonly string[];
}

// Options of `uchroot-tcpd run` without a value.
const isFlag = (name: string): boolean =>
  optionsOf(launchRows).some(([, option]) => option.name === name && option.metavar === undefined);

/** Reads `[OPTION]... DAEMON [ARGUMENT]...`; undefined without a daemon. */
export function readRun(words: readonly string[]): RunWords | undefined {
  const options: (readonly [name: string, text: string])[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) options.push([name, isFlag(name) ? '' : (inline ?? rest.shift() ?? '')]);
    else if (word !== '--') return { options, daemon: word, args: rest };
  }
  return undefined;
}

/** A daemon, and who starts it. Texts have one byte a character. */
export interface Started {
  /** The process name of the daemon, which rules name. */
  readonly daemon: string;
  readonly program: BytePath;
  /** A wrapper (tcpd, `uchroot-tcpd run`) or xinetd starts the daemon and may ask the rules for it. */
  readonly starter: 'tcpd' | 'xinetd' | 'itself';
}

/** The daemon of a command, argv[0] included: its program, or what a wrapper starts. */
export function startedDaemon(program: BytePath, argv: readonly string[]): Started {
  // it asks by its own argv[0]
  if (!isWrapper(program))
    return { daemon: lastComponent((argv[0] ?? program) as BytePath), program, starter: 'itself' };
  const run = argv.indexOf('run');
  // the argv[0] of tcpd is the daemon
  const isTcpd = lastComponent(program) === 'tcpd' || run < 0;
  const daemon = (isTcpd ? argv[0] : readRun(argv.slice(run + 1))?.daemon) ?? program;
  return { daemon: lastComponent(daemon as BytePath), program: daemon as BytePath, starter: 'tcpd' };
}
