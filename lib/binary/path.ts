// Byte-exact paths: Linux paths are bytes, and those in a jail need not be UTF-8.

import { type Bytes, quote, toBuffer } from '../quote.ts';

declare const bytes: unique symbol;

/**
 * A path, or another string out of a file, in which every character stands for one byte (latin1).
 * It can be a Map key and be cut and compared as text, and no byte of it is lost; an ordinary string is not
 * assignable, so that UTF-8 text cannot be taken for bytes by mistake. See path_resolution(7).
 */
export type BytePath = string & { readonly [bytes]: true };

/** The bytes of a path: an ordinary string is encoded as UTF-8, a Uint8Array is taken as it is. */
export function bytePath(path: Bytes): BytePath {
  return toLatin1(toBuffer(path));
}

/** A part of a file as text, one character a byte. */
export function toLatin1(data: Uint8Array): BytePath {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1') as BytePath;
}

/** What a system call is given. */
export function pathBytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** A path for a message: one line, nothing a terminal would obey. */
export function showPath(path: BytePath): string {
  return quote(pathBytes(path));
}

/** `name` below `directory`; an absolute name stays as it is. */
export function joinPath(directory: BytePath, name: BytePath): BytePath {
  if (name.startsWith('/')) return name;
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as BytePath;
}

/** All of a path before its last component, without following anything; `/` is its own parent. */
export function parentPath(path: BytePath): BytePath {
  const end = path.lastIndexOf('/');
  return (end > 0 ? path.slice(0, end) : end === 0 ? '/' : '.') as BytePath;
}

/** The last component. */
export function lastComponent(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath;
}

/** Without slashes at the end; `/` stays. By hand: a RegExp takes quadratic time on slashes alone. */
export function trimSlashes(path: BytePath): BytePath {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end) as BytePath;
}
