// The ELF files of a root, each read once.

import { memoize } from '../values/remember.ts';
import { errorCode, lookOr } from '../words/system-error.ts';
import { type Elf, readElf } from './elf.ts';
import type { BytePath } from '../tree/path.ts';
import { type FileRoot, type OpenFile, withFile } from '../tree/root.ts';
import { readScript, type Script, SCRIPT_HEAD_BYTES } from './shebang.ts';

/** Why a file cannot be used. */
export type Unusable =
  | 'absent'
  | 'denied'
  | 'not-a-file'
  | 'not-elf'
  | 'truncated'
  | 'malformed'
  | 'other-architecture'
  | 'unreadable';

export type Look =
  /** `identity`: two paths with the same one lead to the same file. */
  | { readonly kind: 'elf'; readonly elf: Elf; readonly identity: string }
  | {
      readonly kind: 'unusable';
      readonly reason: Unusable;
      /** The reason as a clause: "it is not there". */
      readonly message: string;
      /** The `#!` line of a file that is not ELF. */
      readonly script?: Script;
    };

export type Files = ReturnType<typeof openFiles>;

const MAX_LOOKS = 100_000;

/** Caches what it reads: the root should not change meanwhile. */
export function openFiles(root: FileRoot) {
  const look = memoize((path: BytePath) => lookAt(root, path));
  let left = MAX_LOOKS;
  return {
    root,
    /** Starts a new search, of up to 100,000 files: a hostile file could cause an endless one. */
    begin: () => {
      left = MAX_LOOKS;
    },
    /** Reads the ELF file at `path`, links followed. */
    look: (path: BytePath) =>
      left-- > 0 ? look(path) : unusable('unreadable', 'too many files were looked at before it'),
    /** Whether `path` exists; a missing directory need not be searched. */
    // the loader could not enter it either
    exists: memoize((path: BytePath) => lookOr(false, () => root.lstat(path) !== undefined)),
  };
}

function unusable(reason: Unusable, message: string): Extract<Look, { kind: 'unusable' }> {
  return { kind: 'unusable', reason, message };
}

function lookAt(root: FileRoot, path: BytePath): Look {
  try {
    return withFile(root, path, lookInto) ?? unusable('absent', 'it is not there');
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    if (code === 'EACCES') return unusable('denied', 'it may not be read');
    if (code === 'EISDIR' || code === 'EINVAL') return unusable('not-a-file', 'it is not a regular file');
    return unusable('unreadable', `it cannot be read (${code})`);
  }
}

function lookInto({ read, status: { dev, ino, sizeBytes } }: OpenFile): Look {
  const elf = readElf(read);
  if (elf.kind !== 'elf') {
    const failure = unusable(elf.code, elf.message);
    return elf.code === 'not-elf' ? { ...failure, script: readScript(read(0, SCRIPT_HEAD_BYTES)) } : failure;
  }
  // the loader does not check this; the program would die of SIGBUS
  if (elf.loadedBytes > sizeBytes)
    return unusable('truncated', `it ends after ${sizeBytes} of ${elf.loadedBytes} bytes`);
  return { kind: 'elf', elf, identity: `${dev}:${ino}` };
}
