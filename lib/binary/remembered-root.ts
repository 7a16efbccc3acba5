// Roots that remember what was read of them: for work that comes to the same files again and again.

import type { BytePath } from './path.ts';
import type { FileRoot, FileStatus, OpenFile } from './root.ts';

/** Remembers the answers of lstat. */
export function rememberStatus(root: FileRoot): FileRoot {
  const known = new Map<BytePath, FileStatus | undefined>();
  return {
    open: (path) => root.open(path),
    list: (path) => root.list(path),
    lstat: (path) => {
      const status = known.get(path);
      if (status !== undefined || known.has(path)) return status;
      const found = root.lstat(path);
      known.set(path, found);
      return found;
    },
  };
}

/**
 * Remembers the answers of lstat and list, and of each file the pages that hold its headers: all that looks into a program
 * reads these, one after the other. What is read in larger pieces is read again.
 */
export function rememberReads(root: FileRoot): FileRoot {
  const remembered = rememberStatus(root);
  const lists = new Map<BytePath, readonly BytePath[] | undefined>();
  const files = new Map<BytePath, (() => OpenFile) | undefined>();
  return {
    lstat: (path) => remembered.lstat(path),
    list: (path) => {
      if (!lists.has(path)) lists.set(path, root.list(path));
      return lists.get(path);
    },
    open: (path) => {
      if (!files.has(path)) {
        const file = root.open(path);
        files.set(path, file && rememberPages(file, () => root.open(path)));
      }
      return files.get(path)?.();
    },
  };
}

const HEAD_BYTES = 256;
const PAGE_BYTES = 4096;

/** The function returned opens the file: for the first time `first`, and later not before something else is read. */
function rememberPages(first: OpenFile, reopen: () => OpenFile | undefined): () => OpenFile {
  const { status } = first;
  const pages = new Map<number, Uint8Array>();
  let head: Uint8Array | undefined;
  let fresh: OpenFile | undefined = first;

  return () => {
    let file = fresh;
    fresh = undefined;
    const readFile = (offset: number, length: number) => {
      file ??= reopen();
      return file?.read(offset, length) ?? new Uint8Array();
    };
    function read(offset: number, length: number): Uint8Array {
      const end = offset + length;
      if (end <= HEAD_BYTES) return (head ??= readFile(0, HEAD_BYTES)).subarray(offset, end);
      const index = Math.floor(offset / PAGE_BYTES);
      const start = index * PAGE_BYTES;
      if (end > start + PAGE_BYTES) return readFile(offset, length);
      let page = pages.get(index);
      if (page === undefined) {
        page = readFile(start, PAGE_BYTES);
        pages.set(index, page);
      }
      return page.subarray(offset - start, end - start);
    }
    return {
      get fd() {
        file ??= reopen();
        return file?.fd ?? -1;
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
