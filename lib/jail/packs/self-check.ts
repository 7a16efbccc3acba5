// Expands the patterns of packs, and runs the checks of packs in a finished jail. Files that the host itself does not have, or
// cannot load, are no failure.

import { type BytePath, joinPath, lastComponent, parentPath, showPath, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { quote } from '../../words/quote.ts';
import type { Pack, Probe } from './pack.ts';

/** The existing paths of a root that match a pattern of a part. */
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
  if (part.length > NAME_MAX) return []; // a word of a script may look like the name of a module
  if (!part.includes('*')) return expandBelow(root, joinPath(directory, part), rest);
  // walked first: list() throws for a loop of links
  const isThere = walk(root, directory).kind === 'found';
  const isMeant = matcherOf(part);
  const names = isThere ? (root.list(directory) ?? []).filter(isMeant) : [];
  return names.flatMap((name) => expandBelow(root, joinPath(directory, name), rest));
}

/** As glob(7), but only `*` is special: it does not match a leading dot. */
function matcherOf(pattern: BytePath): (name: BytePath) => boolean {
  const source = pattern.split('*').map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  const form = new RegExp(`^${source.join('[^/]*')}$`, 's');
  // a faster first test, which most names fail
  const start = pattern.slice(0, pattern.indexOf('*'));
  return (name) =>
    name.startsWith(start) && (!name.startsWith('.') || pattern.startsWith('.')) && form.test(name);
}

// C libraries: Debian's, those of other distributions, and musl, which is its own loader.
const C_LIBRARIES = [
  ...['/lib*', '/lib/*', '/usr/lib*', '/usr/lib/*'].map((place) => `${place}/libc.so.6`),
  '/lib/ld-musl-*',
];

/** The existing paths of the jail that match a pattern of a part. */
export function findInJail({ root }: Probe, pattern: string): readonly BytePath[] {
  const libraries = C_LIBRARIES.flatMap((place) => expandPath(root, place, []));
  const directories = new Set(libraries.map((path) => parentPath(walk(root, path).path)));
  return expandPath(root, pattern, [...directories]);
}

/** A sentence if none of the patterns matches a path of the jail, otherwise undefined. */
export function lacksAll(jail: Probe, ...patterns: readonly string[]): string | undefined {
  if (patterns.some((pattern) => findInJail(jail, pattern).length > 0)) return undefined;
  return `there is no ${patterns.join(', no ')}`;
}

/** The first thing that the first plugin lacks, if no plugin can be loaded. */
export function cannotLoad(jail: Probe, ...patterns: readonly string[]): string | undefined {
  const lacks = patterns.flatMap((pattern) => findInJail(jail, pattern)).map((path) => jail.lacks(path)[0]);
  return lacks.includes(undefined) ? undefined : lacks[0];
}

/** Runs each of the ELF programs of a name. Without one, but with a library that does the same, one of `files` must exist. */
export function runs(
  program: RegExp,
  args: readonly string[],
  files: readonly string[],
): NonNullable<Pack['check']> {
  return async (jail) => {
    const programs = jail.executables(program).filter((path) => readInJail(jail, path, 4) === '\x7fELF');
    if (programs.length === 0) return lacksAll(jail, ...files);
    for (const path of programs) {
      const failure = await failureOf(jail, path, ...args);
      if (failure !== undefined) return failure;
    }
    return undefined;
  };
}

/** The failure of a program as a sentence; undefined if its exit status is 0. */
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

/** The text of a file in the jail, one character a byte; undefined if it cannot be read. */
export function readInJail({ root }: Probe, path: string, maxBytes = 1 << 20): string | undefined {
  return tryFile(root, path as BytePath, ({ read }) => toLatin1(read(0, maxBytes)));
}

/** The first program of the jail of exactly this name. */
export function programNamed(jail: Probe, name: string): BytePath | undefined {
  return jail.executables(/./).find((path) => lastComponent(path) === name);
}
