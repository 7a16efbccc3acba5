// The sockets of the host by name (proc_net(5), /proc/net/unix).

import { readFileSync } from 'node:fs';

import { type BytePath, bytePath } from '../../binary/path.ts';

/** The absolute paths under which sockets were bound: each as the process saw it that has done so. */
export function boundPaths(): ReadonlySet<BytePath> {
  return parseBound(readFileSync('/proc/net/unix'));
}

/** Out of the lines of that file. */
export function parseBound(lines: Uint8Array): ReadonlySet<BytePath> {
  return new Set(
    bytePath(lines)
      .split('\n')
      .flatMap((line) => {
        // Num RefCount Protocol Flags Type St Inode Path; the path may have blanks in it
        const path = /^(?:\S+\s+){7}(\/.*)$/.exec(line)?.[1] as BytePath | undefined;
        return path === undefined ? [] : [path];
      }),
  );
}
