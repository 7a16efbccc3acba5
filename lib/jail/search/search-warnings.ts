// Finds files of a jail that load code from places where one of its users can write.

import { readElf } from '../../binary/elf.ts';
import { type BytePath, showPath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot, OpenFile } from '../../tree/root.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import type { Person } from '../../trust/writer.ts';
import { lookOr } from '../../words/system-error.ts';
import { type Loose, looseOn, wordsOf } from './jail-writers.ts';
import { withRegular } from '../manifest/file-hash.ts';
import type { Manifest } from '../manifest/manifest.ts';
import {
  isSearchText,
  type Searched,
  searchedByElf,
  searchedByScript,
  searchedByText,
} from './searched-places.ts';

const MAX_TEXT_BYTES = 1 << 20;
/** More than any real file names, and few enough to check each. */
const MOST_PLACES = 10_000;

/** An unsafe place in which a file looks for code. */
export interface LooseSearch {
  /** Undefined if the place depends on the working directory. */
  readonly loose: Loose | undefined;
  /** One sentence. */
  readonly message: string;
}

/** The first place where the file at `path`, links resolved, looks for code and that `looseOn` reports as writable. */
export function looseSearchOf(
  root: FileRoot,
  path: BytePath,
  looseOn: (path: BytePath) => Loose | undefined,
): LooseSearch | undefined {
  let count = 0;
  for (const { path: place, by } of searchedBy(root, path)) {
    if (++count > MOST_PLACES) return { loose: undefined, message: TOO_MANY };
    if (!place.startsWith('/')) {
      const name = place === '' ? 'an empty element' : showPath(place);
      return {
        loose: undefined,
        message: `${by} names ${name}: the working directory, wherever it is started`,
      };
    }
    const loose = looseOn(place);
    if (loose !== undefined)
      return { loose, message: `${by} leads to ${showPath(place)}; ${wordsOf(loose)}` };
  }
  return undefined;
}

const TOO_MANY = `it names more than ${MOST_PLACES} places to look for code; the others were not checked`;

function searchedBy(root: FileRoot, path: BytePath): Iterable<Searched> {
  // another check reports a file that is gone or unreadable
  return lookOr(undefined, () => withRegular(root, path, (file) => read(path, file))) ?? [];
}

function read(path: BytePath, { read }: OpenFile): Iterable<Searched> {
  if (isSearchText(path)) return searchedByText(toLatin1(read(0, MAX_TEXT_BYTES)), path);
  const script = readScript(read(0, SCRIPT_HEAD_BYTES));
  if (script.kind === 'script') return searchedByScript(script);
  const elf = script.kind === 'invalid' ? undefined : readElf(read);
  return elf?.kind === 'elf' ? searchedByElf(elf, path) : [];
}

/** A warning for each such file of the jail. */
export function searchWarnings(
  jail: FileRoot,
  { entries }: Pick<Manifest, 'entries'>,
  people: readonly Person[],
): readonly string[] {
  return entries.flatMap(({ path, kind, mode }) => {
    if (kind !== 'file' || !isCode(path, mode)) return [];
    const found = looseSearchOf(jail, path, (place) => looseOn(jail, place, people));
    return found === undefined ? [] : [`${showPath(path)}: ${found.message}`];
  });
}

function isCode(path: BytePath, mode: number): boolean {
  return (mode & 0o111) !== 0 || /\.so(?:\.[^/]*)?$/.test(path) || isSearchText(path);
}
