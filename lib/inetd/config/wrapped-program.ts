// Finds the program behind a wrapper such as tcpd in a line of inetd or xinetd. The wrapper is not needed: the super-server itself asks
// the rules.
import { basename } from 'node:path';

import { readRun } from '../../tcpwrappers/daemon/wrapped-daemon.ts';

/** A program and the way it starts, read from the words of its wrapper. */
export interface StartedProgram {
  readonly program: string;
  /** Its process name, by which rules know it. */
  readonly daemon: string;
  readonly argv: readonly string[];
  /** Set if the wrapper names a jail. */
  readonly user?: string;
  readonly directory?: string;
  readonly options: readonly (readonly [name: string, text: string])[];
}

const WRAPPER_FILES: Readonly<Record<string, string>> = { allow: 'hosts-allow', deny: 'hosts-deny' };

const absolute = (name: string): string => (name.startsWith('/') ? name : `/usr/sbin/${name}`);

/** Whether a program is `uchroot-tcpd run`. @param argv with argv[0] */
export function isRun(path: string, argv: readonly string[]): boolean {
  return /^uchroot-tcpd(\.cjs)?$/.test(basename(path)) && argv[1] === 'run';
}

/** The program itself, even if it is a wrapper: in a wait service only the wrapper asks the rules. @param argv with argv[0] */
export function plainProgram(path: string, argv: readonly string[]): StartedProgram {
  const name = basename(path);
  const [daemon = name] = argv;
  return { program: path, daemon, argv: argv.length === 0 ? [name] : argv, options: [] };
}

const isJail = ([name, text]: readonly [string, string]): boolean => name === 'jail' && text.includes(':/');

/** The program behind a wrapper, or the program itself. @param argv with argv[0] */
export function wrappedProgram(path: string, argv: readonly string[]): StartedProgram {
  const plain = plainProgram(path, argv);
  const [first = ''] = argv;
  if (basename(path) === 'tcpd' && argv.length > 0)
    return { ...plain, program: absolute(first), argv: [basename(first), ...argv.slice(1)] };
  const run = isRun(path, argv) ? readRun(argv.slice(2)) : undefined;
  if (run === undefined) return plain;
  const program = absolute(run.daemon);
  const [, user, directory] = /^(.+?):(\/.*)$/s.exec(run.options.findLast(isJail)?.[1] ?? '') ?? [];
  return {
    program,
    daemon: program,
    argv: [basename(program), ...run.args],
    ...(user !== undefined && { user }),
    ...(directory !== undefined && { directory }),
    options: run.options
      .filter((option) => !isJail(option))
      .map(([name, text]) => [WRAPPER_FILES[name] ?? name, text]),
  };
}
