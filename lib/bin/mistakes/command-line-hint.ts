// Hints for words of uchroot in the wrong order: the same words in the right order. Pure, but for a look whether a word is the name of a
// directory here.
import { statSync } from 'node:fs';

import { unpackHint } from '../../mistakes/archive-hint.ts';
import type { Argument, Option } from '../../values/command-option.ts';
import type { LaunchError, UsageError } from '../../errors.ts';
import { inOneWord } from '../../launch/tell/program-hint.ts';
import { commandLine } from '../../words/shell-word.ts';
import { returnHint, type Told, withHyphens } from './dashed-words.ts';
import { dockerHint } from './docker-words.ts';
import { commandOfOther, jailCommands, otherCommands, starters, wrappers } from './other-commands.ts';
import { anybody, anyJail, latin1, type Line, sort, written } from './sorted-line.ts';
import { propertyHint } from './unit-properties.ts';
import {
  corrected,
  expanded,
  hasTaken,
  isJoint,
  isPath,
  isParameter,
  isProgram,
  joints,
  userBefore,
  withoutStray,
  withoutSu,
  withParameters,
} from './stray-word.ts';

// USER, DIRECTORY or PROGRAM is missing, or they are in the wrong order.
function reordered(line: Line): string | undefined {
  const [first, second, ...rest] = line.operands;
  if (first === undefined || first === 'help') return 'uchroot --help';
  const user = userBefore(first, second);
  if (user !== undefined) return written(line, ...user, ...line.operands.slice(1));
  const apart = second === undefined ? separated(line, 0) : undefined;
  if (apart !== undefined) return apart;
  if (second === undefined && isProgram(first)) return written(line, anybody, anyJail, first);
  const byOther = isPath(first) ? withoutSu(line.operands) : undefined;
  if (byOther !== undefined) return written(line, ...byOther);
  if (!isPath(first))
    return second === undefined ? (commandOfOther(first, []) ?? written(line, first, anyJail)) : undefined;
  const { taker } = line;
  const joint = taker && joints[taker.option.name];
  if (taker !== undefined && joint !== undefined && isJoint(line)) {
    const options = [...line.options.slice(0, -1), `${taker.value}${joint}${first}`];
    return written({ ...line, options }, second, ...rest);
  }
  if (second !== undefined && !isPath(second)) return written(line, second, first, ...rest);
  if (taker !== undefined && !isPath(taker.value)) return hasTaken(taker);
  return written(line, anybody, ...line.operands);
}

// Several words that were quoted together, so that the shell has not separated them.
function separated(line: Line, at: number, path?: string): string | undefined {
  const word = line.operands[at];
  if (word === undefined || !/\S\s+\S/.test(word)) return undefined;
  return written(
    line,
    ...line.operands.flatMap((each, index) =>
      index === at ? each.split(/\s+/).map((part, i) => (i === 0 ? (path ?? part) : part)) : [each],
    ),
  );
}

// DIRECTORY and PROGRAM in one word: jail/bin/ls.
function joined(line: Line): string | undefined {
  const [user, path = '', ...rest] = line.operands;
  const [, directory, program] = /^(.+?)((?:\/usr)?(?:\/local)?\/s?bin\/[^/]+)$/.exec(path) ?? [];
  if (directory === undefined || /^\/usr(?:\/local)?$/.test(directory)) return undefined;
  return written(line, user, directory, program, ...rest);
}

function whoAndWhere(line: Line): readonly (string | undefined)[] {
  const { user, group } = line;
  const [first, ...rest] = line.operands;
  if (user === undefined) return [group === undefined ? first : `${first}:${group}`, ...rest];
  return [group === undefined ? user : `${user}:${group}`, ...line.operands];
}

function withoutCommand(line: Line): string | undefined {
  const [command = '', ...rest] = line.operands;
  if (jailCommands.has(command)) return commandLine('uchroot-jail', command, ...rest);
  const other = otherCommands[command];
  if (other !== undefined) return commandLine(other, command, ...rest);
  return starters.has(command) && rest.length > 1 ? written(line, ...rest) : commandOfOther(command, rest);
}

// The directory of programs was given in place of the jail: jail/bin.
function above(line: Line): string | undefined {
  const [user, path = '', program, ...args] = line.operands;
  const [, jail, bin] = /^(.+?)((?:\/usr)?(?:\/local)?\/s?bin)\/*$/.exec(path) ?? [];
  if (jail === undefined) return undefined;
  return written(line, user, jail, program && (isPath(program) ? program : `${bin}/${program}`), ...args);
}

function isDirectory(name: string): boolean {
  try {
    return statSync(name).isDirectory();
  } catch {
    return false;
  }
}

// A directory of the working directory stands in the place of USER.
function swapped(line: Line): string {
  const [jail, second, ...rest] = line.operands;
  return second === undefined || isProgram(second)
    ? written(line, anybody, jail, second, ...rest)
    : written(line, second, jail, ...rest);
}

function hintFor(line: Line, { step, code, hint }: Partial<LaunchError>): string | undefined {
  const isJail = step === 'jail';
  const [first = '', jail = '', ...rest] = line.operands;
  const isUser = code === 'ERR_UNKNOWN_USER';
  const right = corrected(line, { step, hint, isUser });
  if (right !== undefined) return typeof right === 'string' ? right : written(right, ...right.operands);
  const parameters = isParameter(first) ? withParameters(line, anybody) : undefined;
  if (parameters !== undefined) return written(parameters, ...parameters.operands);
  // env(1), nsjail -E
  if (isUser && /^\w+=/.test(first))
    return written({ ...line, options: [...line.options, '--setenv', first] }, jail, ...rest);
  if (code === 'ERR_UNKNOWN_GROUP' && /^[^:/]+:\//.test(first))
    return written(line, ...first.split(/:(?=\/)/, 2), jail, ...rest);
  if (isUser && !isPath(first) && isDirectory(first) && !(jail !== '' && isPath(jail) && !isProgram(jail)))
    return swapped(line);
  const stray = isUser || (isJail && !isPath(jail)) ? withoutStray(line) : undefined;
  if (stray !== undefined && !isJoint(line)) return written(stray, ...stray.operands);
  if (isUser) return isPath(line.operands[0]) ? reordered(line) : withoutCommand(line);
  if (jail.startsWith('file://')) return written(line, first, jail.slice('file://'.length), ...rest);
  if (isJail && code === 'ENOENT' && /^[\w.+-]+:[\w/]/.test(jail))
    return 'a jail is a directory, and no image: uchroot-jail build /srv/jail PROGRAM... makes one';
  if (isJail && code === 'ENOENT') return separated(line, 1) ?? expanded(line);
  const packed = isJail && code === 'ENOTDIR' ? unpackHint(jail) : undefined;
  if (packed !== undefined) return packed;
  if (isJail && code === 'ENOTDIR' && isPath(line.operands[1]))
    return joined(line) ?? written(line, line.operands[0], anyJail, ...line.operands.slice(1));
  if (step !== 'execve') return undefined;
  const through = throughShell(line, hint);
  if (through !== undefined) return through;
  // the path of the program in the jail, which is not searched in PATH
  if (hint?.startsWith(inOneWord) === true)
    return separated(line, 2, /: program: '(\/[^']+)'/.exec(hint)?.[1]);
  return code === 'ENOENT' ? above(line) : undefined;
}

// A shell of the jail, and the command that adds it to a jail without one, from the hint of a launch that has looked for it.
function shellIn(hint: string | undefined): { readonly before: string; readonly shell: string } | undefined {
  const [, build, shell] = /: (?:(.*), then )?(\S+) -c (?:\.\.\.|'\w+ \.\.\.')$/.exec(hint ?? '') ?? [];
  return shell === undefined ? undefined : { before: build === undefined ? '' : `${build} && `, shell };
}

// -c in the place of PROGRAM.
function withShell(line: Line, hint: string | undefined): Told {
  const { before, shell } = shellIn(hint) ?? { before: '', shell: '/bin/sh' };
  const operands = line.operands.map((word, at) => (at === 2 ? shell : word));
  return {
    message: '-c stands where PROGRAM does: a command of a shell needs the shell',
    hint: before + written(line, ...operands),
  };
}

// A command of the shell itself in the place of PROGRAM.
function throughShell(line: Line, hint: string | undefined): string | undefined {
  const [user, jail, command, ...args] = line.operands;
  const found = shellIn(hint);
  if (found === undefined || command === undefined) return undefined;
  const { before, shell } = found;
  const because = `   # ${command} is a command of a shell`;
  const [directory] = args;
  return command === 'cd' && directory !== undefined
    ? `${before}${written({ options: [...line.options, '--chdir', directory] }, user, jail, shell)}${because}`
    : `${before}${written(line, user, jail, shell, '-c', [command, ...args].join(' '))}${because}`;
}

// For an unknown option, whose value can say more than its name.
function valueHint(words: readonly string[], { message }: Error): string | undefined {
  const [, wrong] = /^unknown option (\S+)$/.exec(message) ?? [];
  return propertyHint(words) ?? (wrong === undefined ? undefined : dockerHint(words, wrong));
}

/**
 * The message and the hint for an error, where the order of the words explains it.
 *
 * @param words of the command line
 * @param known options
 */
export function toldBy(
  error: UsageError | LaunchError,
  words: readonly Argument[],
  known: readonly Option[],
): Told {
  const returned = returnHint(words.map(latin1));
  if (returned !== undefined) return { message: error.message, hint: returned };
  const isWrapped = wrappers.has(words[0]?.text ?? '') && words.length > 3;
  if (isWrapped && error.code === 'ERR_UNKNOWN_USER') return toldBy(error, words.slice(1), known);
  const line = sort(words, known);
  if (line === undefined) {
    const [first = '', ...rest] = words.map(latin1);
    const other = starters.has(first) ? undefined : commandOfOther(first, rest);
    if (other !== undefined) return { message: error.message, hint: other };
    return starters.has(first)
      ? {
          message: error.message,
          hint: `leave ${first} out: write uchroot [OPTION]... USER DIRECTORY PROGRAM`,
        }
      : {
          message: error.message,
          hint: valueHint(words.map(latin1), error) ?? error.hint ?? 'uchroot --help lists the options',
        };
  }
  const dashed = withHyphens(words.map(latin1), line.operands[0]);
  if (dashed !== undefined) return dashed;
  if (line.user !== undefined || line.group !== undefined)
    return { message: error.message, hint: written(line, ...whoAndWhere(line)) };
  const { misplaced, hasCommand } = line;
  if (line.lacksJail === true)
    return { message: 'DIRECTORY is missing', hint: written(line, ...line.operands) };
  if (hasCommand === true) return withShell(line, error.hint);
  if (line.endsEarly === true)
    return {
      message: '-- stands before an option: it ends the options',
      hint: written(line, ...line.operands),
    };
  if (misplaced !== undefined)
    return {
      message:
        misplaced === '--'
          ? '-- stands after USER: it ends the options, and so stands before USER'
          : `option ${misplaced} stands after USER: options stand before it, and what follows PROGRAM is the program's`,
      hint: written(line, ...line.operands),
    };
  return { message: error.message, hint: hintFor(line, error as Partial<LaunchError>) ?? error.hint };
}

/** The lines about a command line without USER or DIRECTORY; without any word, the usage alone, as the C original has it. */
export function forgotten(words: readonly Argument[], known: readonly Option[], usageLine: string): string {
  const line = sort(words, known) ?? { options: [], operands: [] };
  const [first] = line.operands;
  if (first === undefined && line.options.length > 0)
    return `uchroot: USER and DIRECTORY are missing\nhint: ${written(line, anybody, anyJail)}\n${usageLine}\n`;
  const hint = `hint: ${reordered(line)}\n`;
  if (first === undefined || first === 'help') return `${usageLine}\n${hint}`;
  return `uchroot: ${isPath(first) ? 'USER' : 'DIRECTORY'} is missing\n${hint}${usageLine}\n`;
}
