// Refuses words of `uchroot-jail build` in the wrong place, and words that a shell should have replaced.
import { existsSync, statSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, pathBytes } from '../../tree/path.ts';
import { UsageError } from '../../errors.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { isBuilt, jailAround } from '../../jail/host/near-jail.ts';
import { lookOr } from '../../jail/work/jail-error.ts';
import { quote } from '../../words/quote.ts';
import { commandLine, shellWord, unexpanded } from '../../words/shell-word.ts';

/** @param learned the last command of --learn @param copied the last value of --copy @throws UsageError */
export function refuseMisplaced(
  directory: Buffer,
  programs: readonly Buffer[],
  { learned, copied }: { readonly learned: string | undefined; readonly copied: Buffer | undefined },
): void {
  refuseBuildFile([directory, ...programs]);
  refuseHostDest(directory, copied);
  refuseTarget(programs, copied);
  refuseUnexpanded(directory);
  refuseSwapped(directory, programs);
  refuseAddress(programs, learned);
  refuseLast(directory, programs);
}

/** A command line of uchroot-jail. */
export function lineOf(command: string, operands: readonly Buffer[]): string {
  return commandLine('uchroot-jail', command, ...operands.map((operand) => operand.toString('latin1')));
}

/** What `explain` with one operand was meant to be: the host's path of a file in a jail, or a jail alone. */
export function meantByExplain(operand: Buffer): string {
  const around = jailAround(absolute(operand));
  return around === undefined
    ? lineOf('list', [operand])
    : commandLine('uchroot-jail', 'explain', around.jail, around.inside);
}

/** What `remove` with several operands was meant to be: several jails, or files of one. Never a jail for a file of it. */
export function meantByRemove(operands: readonly Buffer[]): string | undefined {
  const paths = operands.map((operand) => absolute(operand));
  if (paths.every(isBuilt)) return operands.map((each) => lineOf('remove', [each])).join(' && ');
  const [jail = '/' as BytePath] = paths;
  const files = operands.slice(1).map((operand) => fileOf(jail, bytePath(operand)));
  if (files.some((file) => file === undefined)) return undefined;
  const words = files.flatMap((file) => (file === undefined ? [] : ['--without', file]));
  return commandLine('uchroot-jail', 'build', jail, ...words);
}

const binDirectories = ['', '/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

// The path in the jail of a program's name, of a path in the jail, or of one on the host.
function fileOf(jail: BytePath, word: BytePath): BytePath | undefined {
  const places = word.startsWith(`${jail}/`)
    ? [word]
    : binDirectories.map((directory) => `${jail}${directory}/${word.replace(/^\/+/, '')}` as BytePath);
  const place = places.find((each) => existsSync(pathBytes(each)));
  return place && jailAround(place)?.inside;
}

function isFile(path: Buffer | string): boolean {
  return lookOr(false, () => statSync(path).isFile());
}

function refuseUnexpanded(directory: Buffer): void {
  const left = unexpanded(directory.toString('latin1'));
  if (left === undefined || existsSync(directory)) return;
  throw new UsageError(`${quote(directory)}: ${left.problem}`, {
    hint: `write ${left.written}, or ./${quote(directory)} for a directory of this name`,
  });
}

// DIRECTORY and a program have changed places.
function refuseSwapped(directory: Buffer, programs: readonly Buffer[]): void {
  const [first] = programs;
  if (first === undefined || !isFile(directory)) return;
  const isSwapped = !isFile(first) && first.includes('/');
  throw new UsageError(`${quote(directory)} is a file: DIRECTORY stands before the programs`, {
    hint: isSwapped
      ? lineOf('build', [first, directory, ...programs.slice(1)])
      : 'name a new or an empty directory',
  });
}

// DEST of --copy as the host sees it.
function refuseHostDest(directory: Buffer, copied: Buffer | undefined): void {
  const [, from = '', to = ''] = /^(.+):(\/.+)$/s.exec(copied?.toString('latin1') ?? '') ?? [];
  const jail = absolute(directory);
  if (jail === '/' || to === jail || !isWithin(to, jail)) return;
  throw new UsageError(`DEST of --copy is a path in the jail, without ${quote(directory)} before it`, {
    hint: `write --copy ${shellWord(`${from}:${to.slice(jail.length)}`)}`,
  });
}

// An address among the programs: the command of --learn was not quoted, or the user wants to download a file.
function refuseAddress(programs: readonly Buffer[], learned: string | undefined): void {
  const address = programs.find((program) => /^\w+:\/\//.test(program.toString('latin1')));
  if (address === undefined) return;
  throw new UsageError(`${quote(address)} is an address, and no program`, {
    hint:
      learned === undefined
        ? 'a jail is built from files of this host: download it first, and name the file'
        : `write --learn ${shellWord([learned, ...programs].join(' '))}`,
  });
}

// What docker(1) and its compose read.
const buildFile = /(?:^|\/)(?:(?:Docker|Container)file(?:\.\w+)?|(?:docker-)?compose\.ya?ml)$/;

function refuseBuildFile(words: readonly Buffer[]): void {
  const file = words.find((word) => buildFile.test(word.toString('latin1')) && isFile(word));
  if (file === undefined) return;
  throw new UsageError(`${quote(file)} is for docker: a jail is built of programs of this host`, {
    hint: 'write uchroot-jail build DIRECTORY PROGRAM..., with --copy FILE:DEST for each COPY',
  });
}

const isTarget = (path: string): boolean => path.startsWith('/') && !/\/s?bin\/[^/]+$/.test(path);

// `--copy /srv/app /app`, as cp(1) and bwrap(1) have it. A path of a directory of programs is a misspelt program.
function refuseTarget(programs: readonly Buffer[], copied: Buffer | undefined): void {
  if (copied === undefined || copied.includes(':')) return;
  const target = programs.find(
    (program) =>
      isTarget(program.toString('latin1')) &&
      (!existsSync(program) || lookOr(false, () => statSync(program).isDirectory())),
  );
  if (target === undefined) return;
  throw new UsageError(
    `program ${quote(target)}: it is ${existsSync(target) ? 'a directory' : 'not there'}`,
    {
      hint: `write ${commandLine('--copy', `${copied.toString('latin1')}:${target.toString('latin1')}`)}`,
    },
  );
}

// DIRECTORY was not written first. In `build ls /srv/jail`, DIRECTORY is the name of a program, and one of the programs is a path without
// a program. In `build ls id`, DIRECTORY is missing. `build nginx nginx` is right: the jail has the name of its program.
function refuseLast(directory: Buffer, programs: readonly Buffer[]): void {
  const isProgram = ['/usr/bin', '/usr/sbin', '/bin'].some((bin) => isFile(`${bin}/${quote(directory)}`));
  if (directory.includes('/') || !isProgram || existsSync(directory)) return;
  const meant = programs.find((program) => program.includes('/') && !isFile(program));
  if (meant === undefined && (programs.length === 0 || programs.some((program) => program.equals(directory))))
    return;
  const right = lineOf('build', [
    meant ?? Buffer.from('/srv/jail'),
    directory,
    ...programs.filter((program) => program !== meant),
  ]);
  throw new UsageError(`${quote(directory)} is a program: DIRECTORY stands before the programs`, {
    hint: meant === undefined ? `${right}   # or ./${quote(directory)} for a directory of this name` : right,
  });
}
