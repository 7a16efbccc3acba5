// Divides an image into layers, so that those who have it load little after an update of a package. Pure.
import { type BytePath, waysTo } from '../../tree/path.ts';
import { remember } from '../../values/remember.ts';
import type { Steps } from '../work/steps.ts';

interface Placed {
  readonly path: BytePath;
  readonly isDirectory: boolean;
  readonly sizeBytes?: number | undefined;
  /** Of the file in the image, in seconds since 1970. */
  readonly mtimeS: number;
  /** What changes together; undefined for what is of no package. */
  readonly group: string | undefined;
}

interface Group {
  readonly name: string;
  sizeBytes: number;
  newestS: number;
}

/**
 * Each of the largest groups gets a layer, all others share one, and the last has what belongs to no group. Those that were built long
 * ago come first, because Docker loads again what lies above a layer that has changed.
 * @param most 1…; fewer layers if there are fewer groups
 */
export function* layersOf<T>(
  entries: readonly T[],
  most: number,
  placed: (one: T) => Placed,
): Steps<readonly (readonly T[])[]> {
  if (most === 1) return [entries];
  const groups = new Map<string, Group>();
  const directories = new Map<BytePath, T>();
  for (const one of entries) {
    yield;
    const { path, isDirectory, sizeBytes = 0, mtimeS, group: name } = placed(one);
    if (isDirectory) directories.set(path, one);
    if (name === undefined) continue;
    const group = remember(groups, name, () => ({ name, sizeBytes: 0, newestS: 0 }));
    group.sizeBytes += sizeBytes;
    group.newestS = Math.max(group.newestS, mtimeS);
  }
  const layers = Array.from({ length: most }, () => new Set<T>());
  const byName = (a: Group, b: Group) => (a.name < b.name ? -1 : 1);
  const large = [...groups.values()]
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes || byName(a, b))
    .slice(0, most - 2)
    .toSorted((a, b) => a.newestS - b.newestS || byName(a, b));
  const own = new Map(large.map(({ name }, at) => [name, layers[at]]));
  for (const one of entries) {
    yield;
    const { path: whole, group } = placed(one);
    const layer = group === undefined ? layers[most - 1] : (own.get(group) ?? layers[most - 2]);
    // Each layer has the directories above its files, with the same owner and mode: some readers would make others.
    for (const path of waysTo(whole).slice(0, -1)) {
      const above = directories.get(path);
      if (above !== undefined) layer?.add(above);
    }
    layer?.add(one);
  }
  return layers.map((layer) => Array.from(layer)).filter(({ length }) => length > 0);
}
