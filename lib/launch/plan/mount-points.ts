// What a mount lies on. A missing file or directory is made in a file system that the launch makes itself, and nowhere else: the jail and
// the sources of binds are the host's. Pure.
import type { NormalView } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Placed, Step } from './step.ts';

type Request = Pick<NormalRequest, 'view' | 'ephemeral'>;

const root = Buffer.from('/');

function isBelow(path: Buffer, directory: Buffer): boolean {
  const { length } = directory;
  return path.length > length + 1 && path[length] === 0x2f && path.subarray(0, length).equals(directory);
}

/** Where the mount point of an entry lies, as its text tells. */
type Place = Pick<Placed, 'own' | 'onHost'>;

/** In a tmpfs that comes before it, in an ephemeral jail, or in the source of a bind. Neither: in the jail. */
export function placeOf({ view, ephemeral }: Request, entry: NormalView): Place {
  const before = view.slice(0, view.indexOf(entry));
  const around = before.filter(({ kind, target }) => kind !== 'dir' && isBelow(entry.target, target));
  const longest = Math.max(...around.map(({ target }) => target.length));
  const nearest = around.findLast(({ target }) => target.length === longest);
  if (nearest === undefined) return ephemeral === undefined ? {} : { own: root };
  if (nearest.kind === 'tmpfs') return { own: nearest.target };
  if (nearest.kind !== 'bind') return {};
  return { onHost: Buffer.concat([nearest.source, entry.target.subarray(nearest.target.length)]) };
}

/** The steps of an entry, whose mount point lies there. */
export function placed(place: Place, steps: readonly Step[]): readonly Step[] {
  if (place.own === undefined && place.onHost === undefined) return steps;
  return steps.map((step) => {
    const isEntry = (step.op === 'move_mount' || step.op === 'mount') && step.within === undefined;
    return isEntry ? { ...step, ...place } : step;
  });
}
