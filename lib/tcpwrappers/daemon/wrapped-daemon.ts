// Finds the daemon behind a wrapper in a command of inetd, xinetd or systemd.

import { type BytePath, lastComponent } from '../../tree/path.ts';
import { optionsOf } from '../../launch/request/option-row.ts';
import { launchRows } from '../../launch/request/request.ts';
import type { Service } from './service-files.ts';

/** Names of wrappers; uchroot-tcpd takes the daemon as an operand. */
const WRAPPERS: ReadonlySet<string> = new Set(['tcpd', 'uchroot-tcpd', 'uchroot-tcpd.cjs']);

/** Whether a program asks the rules for the daemon that it starts. */
export function isWrapper(program: BytePath): boolean {
  return WRAPPERS.has(lastComponent(program));
}

// Whether a word is an option of `uchroot-tcpd run` without a separate value.
function isFlag(word: string): boolean {
  if (word.includes('=')) return true;
  const known = optionsOf(launchRows).find(([, { name }]) => `--${name}` === word);
  return known !== undefined && known[1].metavar === undefined;
}

// The daemon that a wrapper starts, a path or a name.
function wrappedDaemon(program: BytePath, argv: readonly string[]): string | undefined {
  const run = argv.indexOf('run');
  // the argv[0] of tcpd is the daemon
  if (lastComponent(program) === 'tcpd' || run < 0) return argv[0];
  const words = argv.slice(run + 1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') return words[0];
    if (!word.startsWith('--')) return word;
    if (!isFlag(word)) words.shift();
  }
  return undefined;
}

type Started = Pick<Service, 'daemon' | 'program' | 'starter'>;

/** The daemon of a command, argv[0] included: its program, or what a wrapper starts. */
export function startedDaemon(program: BytePath, argv: readonly string[]): Started {
  // it asks by its own argv[0]
  if (!isWrapper(program))
    return { daemon: lastComponent((argv[0] ?? program) as BytePath), program, starter: 'itself' };
  const daemon = (wrappedDaemon(program, argv) ?? program) as BytePath;
  return { daemon: lastComponent(daemon), program: daemon, starter: 'tcpd' };
}
