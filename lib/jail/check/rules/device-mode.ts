// Harmless devices with an owner or a mode that make them less so.

import { commandLine } from '../command.ts';
import type { Entry } from '../entry.ts';
import { hostPath, type Rule } from '../rule.ts';
import { octal } from '../../../trust/writer.ts';
import { isHarmless } from './device-node.ts';

export const deviceMode: Rule = {
  id: 'device-mode',
  group: 'privilege',
  severity: 'error',
  summary: 'A device of the jail does not belong to root, can be executed, or is not open to everybody.',
  attack:
    'The owner of /dev/null can take it away from all others, and what is written to it then lands where he likes: he may ' +
    'change its mode, and in a directory of his own exchange it for a file (chmod(2), null(4)).',
  covers: ['mode', 'owner'],
  remedy: 'chown root:root DEVICE && chmod 0666 DEVICE',
  lookAt: (entry, jail) => {
    const { path, mode, uid } = entry;
    // a terminal belongs to who works at it (pts(4))
    if (entry.isMounted || !isHarmless(entry) || entry.major >= 136) return undefined;
    if (uid === 0 && (mode & 0o7111) === 0 && isOpen(entry)) return undefined;
    const at = hostPath(jail, path);
    return {
      path,
      message: `it belongs to uid ${uid} and has mode ${octal(mode)}`,
      remedy: `${commandLine('chown', 'root:root', at)} && ${commandLine('chmod', '0666', at)}`,
      fixes: [
        { kind: 'owner', uid: 0, gid: 0 },
        { kind: 'mode', clear: 0o7777, set: 0o666 },
      ],
    };
  },
};

// A service that cannot write to /dev/null, or read from /dev/urandom, does without.
function isOpen({ major, minor, mode }: Entry): boolean {
  const wanted = major === 1 && (minor === 8 || minor === 9) ? 0o444 : 0o666;
  return (mode & wanted) === wanted;
}
