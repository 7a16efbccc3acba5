// Closes what was opened, also after an error.

import { type BytePath, pathBytes } from '../../tree/path.ts';
import type { DirectoryRoot } from '../../tree/root.ts';
import { native } from '../../native.ts';

/** Returns the result of `use`, and closes `open`: when the result has settled, if it is a promise. */
export function closing<T extends { close(): void } | undefined, R>(open: T, use: (open: T) => R): R {
  const close = () => open?.close();
  let result: R;
  try {
    result = use(open);
  } catch (error) {
    close();
    throw error;
  }
  if (result instanceof Promise) return result.finally(close) as R;
  close();
  return result;
}

/** Calls `use` with a descriptor of a path of the jail, and closes it. @throws system errors, and as `use` */
export function withOpen<T>(jail: DirectoryRoot, path: BytePath, flags: number, use: (fd: number) => T): T {
  return withDescriptor(native.inRootOpen(jail.fd, pathBytes(path), flags), use);
}

/** The same for a descriptor that is open. */
export function withDescriptor<T>(fd: number, use: (fd: number) => T): T {
  return closing({ close: () => native.closeDescriptor(fd) }, () => use(fd));
}
