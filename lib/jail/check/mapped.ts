// What a process executes that lies no longer where it was (proc_pid_maps(5)).

import { type BytePath, bytePath } from '../../binary/path.ts';
import { STORE } from '../manifest/layout.ts';
import { isSystemPath } from './zone.ts';

const DELETED = ' (deleted)';

/**
 * The programs and libraries that were replaced, as the jail sees their paths; `maps` as the kernel writes it. Only where
 * programs are: what a program makes, maps and removes itself lies elsewhere.
 */
export function replacedIn(maps: Uint8Array, jail: BytePath): readonly BytePath[] {
  const replaced = new Set<BytePath>();
  for (const line of bytePath(maps).split('\n')) {
    // address perms offset dev inode path
    const mapped = /^\S+ ..x\S* \S+ \S+ \S+ +(\/.*)$/.exec(line)?.[1];
    if (mapped === undefined) continue;
    const path = (
      jail !== '/' && mapped.startsWith(`${jail}/`) ? mapped.slice(jail.length) : mapped
    ) as BytePath;
    // check --fix keeps what it has replaced
    if (path.startsWith(`${STORE}/replaced/`)) replaced.add(path);
    else if (path.endsWith(DELETED) && isSystemPath(path))
      replaced.add(path.slice(0, -DELETED.length) as BytePath);
  }
  return [...replaced];
}
