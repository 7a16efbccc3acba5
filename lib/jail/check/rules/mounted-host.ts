// The rule about what launches mount from the host in a jail by reference.

import { leavingOut, rebuilding, sourcesFor } from '../../../launch/host/references.ts';
import { bytePath, showPath } from '../../../tree/path.ts';
import { isOrdinary } from '../../../trust/owner.ts';
import { isMarked, isRecorded, MARKER } from '../../../tree/by-reference.ts';
import { judgeWay, remedyOf, type Way } from '../../../trust/way.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { lookOr } from '../../../words/system-error.ts';
import { decision } from '../remedies.ts';
import { errorRule, inGroup, type Found, type Rule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';

const typeBits = 0o170000;
const directory = 0o040000;

// Who can write to a directory decides what other programs find in it.
const whole = (way: Way): Way => ({
  ...way,
  endsInEntry: ((way.components.at(-1)?.mode ?? 0) & typeBits) !== directory,
});

function* faults({ root, asked, users, owner }: CheckedJail): Iterable<Found> {
  if (!lookOr(false, () => isMarked(root))) return;
  if (!isRecorded(root.fd)) {
    yield {
      path: MARKER,
      message:
        'it says that launches mount the host, and no record beside the jail does: isolated launches are refused',
      remedy: decision(
        `${rebuilding(asked)}, if the jail was moved or copied; otherwise a program has made the file: remove it`,
      ),
    };
    return;
  }
  const told = new Set<string>();
  for (const { path, way, how } of sourcesFor(asked, root)) {
    if (how !== undefined)
      yield {
        path,
        message: `on the host it ${how}: launches are refused`,
        remedy: leavingOut(asked, path),
      };
    for (const finding of judgeWay(whole(way), users)) {
      const at = bytePath(finding.component.path);
      if (told.has(at)) continue;
      told.add(at);
      const remedy = remedyOf(finding, commandLine(at));
      yield {
        path,
        message: `${showPath(at)} of the host ${finding.how}`,
        remedy: isOrdinary(owner) ? decision(`for root: ${remedy}`) : remedy,
      };
    }
  }
}

export const mountedHost: readonly Rule[] = inGroup('escape', [
  errorRule('mounted-host', {
    summary:
      'Isolated launches mount a path of the host that a user can replace or write to, or that leads to what is hidden from programs; or no record confirms the jail.',
    attack:
      'A user who can write to /usr or /etc of the host decides what all programs of the jail start and load. A link of /etc can lead to a home or a key (symlink(7)).',
    remedy: 'uchroot-jail build JAIL --without PATH',
    look: faults,
  }),
]);
