// Paths of the host as text. Pure but for the working directory.
import { resolve } from 'node:path';

/**
 * The absolute path of what a path leads to, without `.` and double slashes. A path with `..` keeps them: beyond a symbolic link
 * `..` is above what the link leads to (path_resolution(7)), which the text does not tell.
 */
export function absolutePath(path: string): string {
  if (!path.split('/').includes('..')) return resolve(path);
  return path.startsWith('/') ? path : `${process.cwd()}/${path}`;
}
