// Finds the program behind a wrapper such as tcpd in a line of inetd or xinetd. The wrapper is not needed: the super-server itself asks
// the rules.
import { basename } from 'node:path';

import { serveOptions } from '../serve-options.ts';

/** A program and the way it starts, read from the words of its wrapper. */
export interface StartedProgram {
  readonly program: string;
  /** Its process name, by which rules know it. */
  readonly daemon: string;
  readonly argv: readonly string[];
  /** Set if the wrapper names a jail. */
  readonly user: string | undefined;
  readonly directory: string | undefined;
  readonly options: readonly (readonly [name: string, text: string])[];
}

const WRAPPER_FILES: Readonly<Record<string, string>> = { allow: 'hosts-allow', deny: 'hosts-deny' };

const absolute = (name: string): string => (name.startsWith('/') ? name : `/usr/sbin/${name}`);

// uchroot-tcpd run [OPTION]... [--jail USER:DIRECTORY] DAEMON [ARGUMENT]...
function readRun(words: readonly string[]): StartedProgram | undefined {
  const options: (readonly [name: string, text: string])[] = [];
  let user: string | undefined;
  let directory: string | undefined;
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('--')) {
      const program = absolute(word);
      return { program, daemon: program, argv: [basename(program), ...rest], user, directory, options };
    }
    if (word === '--') continue;
    const [, name = '', inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const known = serveOptions().find((option) => option.name === name);
    const isFlag = known !== undefined && known.metavar === undefined && !Object.hasOwn(WRAPPER_FILES, name);
    const text = isFlag ? '' : (inline ?? rest.shift() ?? '');
    const [, before, path] = name === 'jail' ? (/^(.+?):(\/.*)$/s.exec(text) ?? []) : [];
    if (path !== undefined) [user, directory] = [before, path];
    else options.push([WRAPPER_FILES[name] ?? name, text]);
  }
  return undefined;
}

/** Whether a program is `uchroot-tcpd run`. @param argv with argv[0] */
export function isRun(path: string, argv: readonly string[]): boolean {
  return /^uchroot-tcpd(\.cjs)?$/.test(basename(path)) && argv[1] === 'run';
}

/** The program itself, even if it is a wrapper: in a wait service only the wrapper asks the rules. @param argv with argv[0] */
export function plainProgram(path: string, argv: readonly string[]): StartedProgram {
  const name = basename(path);
  const [daemon = name] = argv;
  const own = { user: undefined, directory: undefined, options: [] };
  return { ...own, program: path, daemon, argv: argv.length === 0 ? [name] : argv };
}

/** The program behind a wrapper, or the program itself. @param argv with argv[0] */
export function wrappedProgram(path: string, argv: readonly string[]): StartedProgram {
  const plain = plainProgram(path, argv);
  const [first = ''] = argv;
  if (basename(path) === 'tcpd' && argv.length > 0)
    return { ...plain, program: absolute(first), argv: [basename(first), ...argv.slice(1)] };
  return (isRun(path, argv) ? readRun(argv.slice(2)) : undefined) ?? plain;
}
