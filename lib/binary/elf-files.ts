// The ELF files of a root, each read once.

import { type Elf, readElf } from './elf.ts';
import type { BytePath } from './path.ts';
import { errorCode, type FileRoot } from './root.ts';
import { readScript, type Script, SCRIPT_HEAD_BYTES } from './shebang.ts';
/** Why a file that was found, or looked for, is of no use. */
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
  /** `identity`: of two paths with the same one both lead to one file. */
  | { readonly kind: 'elf'; readonly elf: Elf; readonly identity: string }
  | {
      readonly kind: 'unusable';
      readonly reason: Unusable;
      /** The rest of a sentence about it: "it is not there". */
      readonly message: string;
      /** What a file that is not ELF says in its first line. */
      readonly script?: Script;
    };

export interface Files {
  readonly root: FileRoot;
  /** The ELF file at `path`, links followed. */
  look(path: BytePath): Look;
  /** Begins a piece of work, which may look at 100,000 files: a hostile one could ask for a search without end. */
  begin(): void;
  /** Whether anything lies at `path`; a directory that is not there need not be searched. */
  exists(path: BytePath): boolean;
}

const MAX_LOOKS = 100_000;
const TOO_MANY: Look = {
  kind: 'unusable',
  reason: 'unreadable',
  message: 'too many files were looked at before it',
};

/** Remembers what it has looked at: as long as it is used, the root should not change. */
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

export function remember<K, V>(known: Map<K, V>, key: K, find: () => V): V {
  const answer = known.get(key);
  if (answer !== undefined) return answer;
  const fresh = find();
  known.set(key, fresh);
  return fresh;
}

function lookAt(root: FileRoot, path: BytePath): Look {
  try {
    const file = root.open(path);
    if (file === undefined) return { kind: 'unusable', reason: 'absent', message: 'it is not there' };
    try {
      const elf = readElf(file.read);
      const { dev, ino, sizeBytes } = file.status;
      // nobody looks before it is used, and then it is a SIGBUS
      if (elf.kind === 'elf' && elf.loadedBytes > sizeBytes)
        return {
          kind: 'unusable',
          reason: 'truncated',
          message: `it ends after ${sizeBytes} of ${elf.loadedBytes} bytes`,
        };
      if (elf.kind === 'elf') return { kind: 'elf', elf, identity: `${dev}:${ino}` };
      const failure = { kind: 'unusable', reason: elf.code, message: elf.message } as const;
      if (elf.code !== 'not-elf') return failure;
      return { ...failure, script: readScript(file.read(0, SCRIPT_HEAD_BYTES)) };
    } finally {
      file.close();
    }
  } catch (error) {
    return unusable(error);
  }
}

// What a system error while looking means; anything else is thrown on.
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
    return false; // the loader would not come in either
  }
}
