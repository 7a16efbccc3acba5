// The ELF files of a root, each read once.

import { type Elf, readElf } from './elf.ts';
import type { BytePath } from './path.ts';
import { errorCode, type FileRoot, type OpenFile, withFile } from './root.ts';
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

export interface Files {
  readonly root: FileRoot;
  /** Reads the ELF file at `path`, links followed. */
  look(path: BytePath): Look;
  /** Starts a new search, of up to 100,000 files: a hostile file could cause an endless one. */
  begin(): void;
  /** Whether `path` exists; a missing directory need not be searched. */
  exists(path: BytePath): boolean;
}

const MAX_LOOKS = 100_000;
const TOO_MANY: Look = {
  kind: 'unusable',
  reason: 'unreadable',
  message: 'too many files were looked at before it',
};

/** Caches what it reads: the root should not change meanwhile. */
export function openFiles(root: FileRoot): Files {
  const looks = new Map<BytePath, Look>();
  const presence = new Map<BytePath, boolean>();
  let left = MAX_LOOKS;
  return {
    root,
    begin: () => {
      left = MAX_LOOKS;
    },
    look: (path) => (left-- > 0 ? remember(looks, path, () => lookAt(root, path)) : TOO_MANY),
    exists: (path) => remember(presence, path, () => isPresent(root, path)),
  };
}

/** The cached value of a key; `find` computes it the first time. */
export function remember<K, V>(known: Map<K, V>, key: K, find: () => V): V {
  const answer = known.get(key);
  if (answer !== undefined || known.has(key)) return answer as V;
  const fresh = find();
  known.set(key, fresh);
  return fresh;
}

function lookAt(root: FileRoot, path: BytePath): Look {
  try {
    return (
      withFile(root, path, lookInto) ?? { kind: 'unusable', reason: 'absent', message: 'it is not there' }
    );
  } catch (error) {
    return unusable(error);
  }
}

function lookInto({ read, status: { dev, ino, sizeBytes } }: OpenFile): Look {
  const elf = readElf(read);
  if (elf.kind === 'elf') {
    if (elf.loadedBytes <= sizeBytes) return { kind: 'elf', elf, identity: `${dev}:${ino}` };
    // the loader does not check this; the program would die of SIGBUS
    const message = `it ends after ${sizeBytes} of ${elf.loadedBytes} bytes`;
    return { kind: 'unusable', reason: 'truncated', message };
  }
  const failure = { kind: 'unusable', reason: elf.code, message: elf.message } as const;
  return elf.code === 'not-elf' ? { ...failure, script: readScript(read(0, SCRIPT_HEAD_BYTES)) } : failure;
}

// The meaning of a system error; other errors are thrown again.
function unusable(error: unknown): Extract<Look, { kind: 'unusable' }> {
  const code = errorCode(error);
  if (code === undefined) throw error;
  if (code === 'EACCES') return { kind: 'unusable', reason: 'denied', message: 'it may not be read' };
  if (code === 'EISDIR' || code === 'EINVAL')
    return { kind: 'unusable', reason: 'not-a-file', message: 'it is not a regular file' };
  return { kind: 'unusable', reason: 'unreadable', message: `it cannot be read (${code})` };
}

function isPresent(root: FileRoot, path: BytePath): boolean {
  try {
    return root.lstat(path) !== undefined;
  } catch {
    return false; // the loader could not enter it either
  }
}
