// Permission bits that were changed.

import type { Recorded } from '../../manifest/manifest.ts';
import { commandLine } from '../command.ts';
import type { Fix } from '../finding.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';
import { octal } from '../../../trust/writer.ts';

export const mode: Rule = {
  id: 'mode',
  group: 'tamper',
  severity: 'error',
  summary: 'The permission bits of something are not those that it was built with.',
  attack:
    'More of them let others write to it, or run as its owner; fewer of them keep a service from its files (chmod(2), inode(7)).',
  remedy: 'chmod MODE FILE',
  covers: ['world-writable'],
  lookAt: (entry, jail) => {
    const { path, kind, mode, recorded, zone, isMounted } = entry;
    if (recorded === undefined || kind === 'link' || isMounted) return undefined;
    // set-user-ID and set-group-ID that came to a file have rules of their own
    const rest = kind === 'file' ? mode & ~(0o6000 & ~recorded.mode) : mode;
    if (rest === recorded.mode) return undefined;
    const isSameKind = kind === (recorded.kind === 'device' ? 'character' : recorded.kind);
    if (!isSameKind) return undefined;
    return {
      path,
      message: `its mode is ${octal(mode)}, and was ${octal(recorded.mode)}`,
      remedy: commandLine('chmod', octal(recorded.mode), hostPath(jail, path)),
      ...(isOwn(entry) && { severity: 'note' }),
      // in a directory of a user's he may have put something in its place that is not meant for him
      ...(zone === 'system' &&
        !isOwn(entry) && {
          fixes: [asBuilt(recorded) ?? { kind: 'mode', clear: 0o7777, set: recorded.mode }],
        }),
    };
  },
};

/** What runs as its owner gets that back only together with the content that is meant to. */
export function asBuilt(recorded: Recorded): Fix | undefined {
  return recorded.keepPrivileges === true ? { kind: 'restore', recorded } : undefined;
}
