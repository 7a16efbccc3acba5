// Roots that cache what was read, for work that reads the same files repeatedly.

import { JailError } from '../errors.ts';
import { remember } from '../values/remember.ts';
import { type BytePath, showPath } from './path.ts';
import type { FileRoot, FileStatus, OpenFile } from './root.ts';
import { rememberWalks } from './walk.ts';

/** Caches the answers of lstat. */
export function rememberStatus(root: FileRoot): FileRoot {
  const known = new Map<BytePath, FileStatus | undefined>();
  return rememberWalks({ ...root, lstat: (path) => remember(known, path, () => root.lstat(path)) });
}

/**
 * Caches the answers of lstat and list, and the pages of each file that small reads touch: several readers examine the
 * headers of a program one after the other. Larger reads are not cached.
 */
export function rememberReads(root: FileRoot): FileRoot {
  const lists = new Map<BytePath, readonly BytePath[] | undefined>();
  const files = new Map<BytePath, (() => OpenFile) | undefined>();
  return rememberWalks({
    ...rememberStatus(root),
    list: (path) => remember(lists, path, () => root.list(path)),
    open: (path) =>
      remember(files, path, () => {
        const file = root.open(path);
        return file && rememberPages(file, () => reopen(root, path, file.status));
      })?.(),
  });
}

const HEAD_BYTES = 256;
const PAGE_BYTES = 4096;

/** Pages of two versions must not be taken for one file. @throws JailError EAGAIN if it is another by now */
function reopen(root: FileRoot, path: BytePath, { dev, ino, sizeBytes, mtimeMs }: FileStatus): OpenFile {
  const file = root.open(path);
  const now = file?.status;
  const isSameFile = now?.dev === dev && now.ino === ino;
  if (file !== undefined && isSameFile && now.sizeBytes === sizeBytes && now.mtimeMs === mtimeMs) return file;
  file?.close();
  const name = showPath(path);
  throw new JailError(`${name} was changed on the host while the jail was planned`, {
    code: 'EAGAIN',
    path: name,
    hint: 'nothing was changed; run it again',
  });
}

/** Returns a function that opens the file: the first call uses `first`, later calls reopen it at the first uncached read. */
function rememberPages(first: OpenFile, openAgain: () => OpenFile): () => OpenFile {
  const { status } = first;
  const pages = new Map<number, Uint8Array>();
  let head: Uint8Array | undefined;
  let fresh: OpenFile | undefined = first;

  return () => {
    let file = fresh;
    fresh = undefined;
    const opened = (): OpenFile => (file ??= openAgain());
    const readFile = (offset: number, length: number) => opened().read(offset, length);
    function read(offset: number, length: number): Uint8Array {
      const end = offset + length;
      if (end <= HEAD_BYTES) return (head ??= readFile(0, HEAD_BYTES)).subarray(offset, end);
      const index = Math.floor(offset / PAGE_BYTES);
      const start = index * PAGE_BYTES;
      if (end > start + PAGE_BYTES) return readFile(offset, length);
      const page = remember(pages, index, () => readFile(start, PAGE_BYTES));
      return page.subarray(offset - start, end - start);
    }
    return {
      get fd() {
        return opened().fd;
      },
      status,
      read,
      close: () => {
        file?.close();
        file = undefined;
      },
    };
  };
}
