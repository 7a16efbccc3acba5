// Byte-exact paths: Linux paths are bytes, and need not be UTF-8.

import { type Bytes, quote, toBuffer } from '../words/quote.ts';

declare const bytes: unique symbol;

/**
 * A path, or another string of a file, in which every character is one byte (latin1). It can be a Map key and be compared
 * and cut as text without losing a byte. An ordinary string is not assignable, so UTF-8 text cannot be mistaken for it.
 */
export type BytePath = string & { readonly [bytes]: true };

/** A string is encoded as UTF-8, a Uint8Array is taken unchanged. */
export const bytePath = (path: Bytes): BytePath => toLatin1(toBuffer(path));

/** Bytes as text, one character a byte. */
export function toLatin1(data: Uint8Array): BytePath {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1') as BytePath;
}

/** The bytes for a system call. */
export const pathBytes = (path: BytePath): Buffer => Buffer.from(path, 'latin1');

/** A path for a message: on one line and without control characters. */
export const showPath = (path: BytePath): string => quote(pathBytes(path));

const FEW = 5;

/** The first five of some paths, and the number of the others. */
export function showPaths(paths: readonly BytePath[]): string {
  const more = paths.length > FEW ? `, and ${paths.length - FEW} more` : '';
  return `${paths.slice(0, FEW).map(showPath).join(', ')}${more}`;
}

/** `name` below `directory`; an absolute name stays as it is. */
export function joinPath(directory: BytePath, name: BytePath): BytePath {
  if (name.startsWith('/')) return name;
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as BytePath;
}

/** The path without its last component, textually; `/` is its own parent. */
export function parentPath(path: BytePath): BytePath {
  const end = path.lastIndexOf('/');
  return (end > 0 ? path.slice(0, end) : end === 0 ? '/' : '.') as BytePath;
}

/** The directories above an absolute path and the path itself: of /a/b, these are /a and /a/b. */
export function waysTo<Path extends string>(path: Path): readonly Path[] {
  const names = path.split('/').slice(1);
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}` as Path);
}

export const lastComponent = (path: BytePath): BytePath => path.slice(path.lastIndexOf('/') + 1) as BytePath;

/** Removes trailing slashes, but not `/` itself. A loop, because a RegExp takes quadratic time for many slashes. */
export function trimSlashes(path: BytePath): BytePath {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end) as BytePath;
}

/** Whether a path is `directory` or is below it; both are absolute and contain no links. */
export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** The place for a jail in /srv, where only root can write, by the name of one that lies elsewhere. */
export function placeInSrv(jail: BytePath): BytePath {
  const name = lastComponent(trimSlashes(jail));
  return joinPath('/srv' as BytePath, /^\.{0,2}$/.test(name) ? ('jail' as BytePath) : name);
}
