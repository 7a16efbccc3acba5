// Paths of packs, and what the self-checks of packs look for in a finished jail. They find what went wrong between host and jail:
// what the host itself does not have, or cannot load, is no failure.

import { type BytePath, joinPath, lastComponent, parentPath, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { quote } from '../../quote.ts';
import type { Probe } from './pack.ts';
/** The paths of a root that a pattern stands for: none if nothing is there. */
export function expandPath(
  root: FileRoot,
  pattern: string,
  libraryDirectories: readonly BytePath[],
): readonly BytePath[] {
  const parts = pattern.split('/').filter((part) => part !== '') as BytePath[];
  const [first, ...rest] = parts;
  if (first === '$LIB') return libraryDirectories.flatMap((directory) => expandBelow(root, directory, rest));
  return expandBelow(root, '/' as BytePath, parts);
}

const NAME_MAX = 255; // limits.h(0p)

function expandBelow(
  root: FileRoot,
  directory: BytePath,
  [part, ...rest]: readonly BytePath[],
): readonly BytePath[] {
  if (part === undefined) return walk(root, directory).kind === 'found' ? [directory] : [];
  if (part.length > NAME_MAX) return []; // out of a script: any word may look like the name of a module
  if (!part.includes('*')) return expandBelow(root, joinPath(directory, part), rest);
  // walked first, since it need not be a directory: a loop of links is none
  const isThere = walk(root, directory).kind === 'found';
  const isMeant = matcherOf(part);
  const names = isThere ? (root.list(directory) ?? []).filter(isMeant) : [];
  return names.flatMap((name) => expandBelow(root, joinPath(directory, name), rest));
}

/** As glob(7) has it, but for `*` alone: it does not match a dot at the beginning of a name. */
function matcherOf(pattern: BytePath): (name: BytePath) => boolean {
  const source = pattern.split('*').map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const form = new RegExp(`^${source.join('[^/]*')}$`, 's');
  // most names differ in what stands before the first `*`, which is found out faster
  const start = pattern.slice(0, pattern.indexOf('*'));
  return (name) =>
    name.startsWith(start) && (!name.startsWith('.') || pattern.startsWith('.')) && form.test(name);
}

// The places of a C library: Debian's, those of other distributions, and musl, which is its own loader.
const C_LIBRARIES = [
  '/lib*/libc.so.6',
  '/lib/*/libc.so.6',
  '/usr/lib*/libc.so.6',
  '/usr/lib/*/libc.so.6',
  '/lib/ld-musl-*',
];

/** Paths of the jail that a pattern stands for, as in a part. */
export function findInJail({ root }: Probe, pattern: string): readonly BytePath[] {
  const libraries = C_LIBRARIES.flatMap((place) => expandPath(root, place, []));
  const directories = new Set(libraries.map((path) => parentPath(walk(root, path).path)));
  return expandPath(root, pattern, [...directories]);
}

/** Says that there is nothing of all this; undefined if there is something. */
export function lacksAll(jail: Probe, ...patterns: readonly string[]): string | undefined {
  if (patterns.some((pattern) => findInJail(jail, pattern).length > 0)) return undefined;
  return `there is no ${patterns.join(', no ')}`;
}

/** Says what the first plugin lacks, if none of them can be loaded. */
export function cannotLoad(jail: Probe, ...patterns: readonly string[]): string | undefined {
  const lacks = patterns.flatMap((pattern) => findInJail(jail, pattern)).map((path) => jail.lacks(path)[0]);
  return lacks.includes(undefined) ? undefined : lacks[0];
}

export interface Attempt {
  readonly program: RegExp;
  readonly args: readonly string[];
  /** What is looked for if there is no such program, and only a library that does the same. */
  readonly files: readonly string[];
}

/** Runs each of the programs that is no script; says how one fails. */
export async function attempt(jail: Probe, { program, args, files }: Attempt): Promise<string | undefined> {
  const programs = jail.executables(program).filter((path) => readInJail(jail, path, 4) === '\x7fELF');
  if (programs.length === 0) return lacksAll(jail, ...files);
  for (const path of programs) {
    const failure = await failureOf(jail, path, ...args);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Says how a program fails; undefined if its exit status is 0. */
export async function failureOf(
  jail: Probe,
  program: BytePath,
  ...args: readonly string[]
): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await jail.run(program, ...args);
  if (exitCode === 0) return undefined;
  const lines = `${stderr}\n${stdout}`.split('\n').filter((line) => line.trim() !== '');
  // the last line of an exception names it, the first is "Traceback"
  const line = lines[0]?.startsWith('Traceback') === true ? lines.at(-1) : lines[0];
  return `${showPath(program)} fails: ${line === undefined ? `exit status ${exitCode}` : quote(line)}`;
}

/** The text of a file in the jail, one character a byte; undefined if there is none. */
export function readInJail({ root }: Probe, path: string, maxBytes = 1 << 20): string | undefined {
  try {
    const file = root.open(path as BytePath);
    if (file === undefined) return undefined;
    try {
      return Buffer.from(file.read(0, maxBytes)).toString('latin1');
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
}

/** The first program of the jail by exactly this name. */
export function programNamed(jail: Probe, name: string): BytePath | undefined {
  return jail.executables(/./).find((path) => lastComponent(path) === name);
}
