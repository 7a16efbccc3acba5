// The shell of a jail, for hints.
import { accessSync, constants } from 'node:fs';
import { lookOr } from '../../words/system-error.ts';

/** Where a jail can have a shell; the first one that it has is named. */
export const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/usr/bin/bash'] as const;

/** The shell of the jail at `jail`, a path of the host; /bin/sh if none is found. */
export function shellOfJail(jail: unknown): string {
  if (typeof jail !== 'string' && !(jail instanceof Uint8Array)) return shells[0];
  const root = Buffer.from(jail);
  const isThere = (shell: string): boolean =>
    lookOr(false, () => {
      accessSync(Buffer.concat([root, Buffer.from(shell)]), constants.X_OK);
      return true;
    });
  return shells.find(isThere) ?? shells[0];
}
