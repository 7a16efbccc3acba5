// Owners that were changed.

import { commandLine } from '../command.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';
import { asBuilt } from './mode.ts';

export const owner: Rule = {
  id: 'owner',
  group: 'tamper',
  severity: 'error',
  summary: 'Something belongs to another user or group than when it was built.',
  attack:
    'Its owner can change its mode and then its content, whatever the mode is now (chmod(2), chown(2)).',
  remedy: 'chown -h UID:GID FILE',
  lookAt: (entry, jail) => {
    const { path, kind, uid, gid, recorded, zone, isMounted } = entry;
    if (recorded === undefined || isMounted || (uid === recorded.uid && gid === recorded.gid))
      return undefined;
    const isSameKind = kind === (recorded.kind === 'device' ? 'character' : recorded.kind);
    if (!isSameKind) return undefined;
    const ids = `${recorded.uid}:${recorded.gid}`;
    return {
      path,
      message: `it belongs to ${uid}:${gid}, and belonged to ${ids}`,
      remedy: commandLine('chown', '-h', ids, hostPath(jail, path)),
      // to another group of his own (chown(2))
      ...(isOwn(entry) && { severity: 'note' }),
      // in a directory of a user's he may have put something in its place that is not meant for him
      ...(zone === 'system' &&
        !isOwn(entry) && {
          fixes: [asBuilt(recorded) ?? { kind: 'owner', uid: recorded.uid, gid: recorded.gid }],
        }),
    };
  },
};
