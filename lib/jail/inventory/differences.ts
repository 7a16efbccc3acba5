// The differences between what two jails or images hold. Pure.

import type { BytePath } from '../../tree/path.ts';
import { remember } from '../../values/remember.ts';
import { toText } from '../manifest/path-text.ts';
import { showReason } from '../manifest/planned-entry.ts';
import type { Contained, Contents, Part } from './inventory.ts';

/** A package with its versions. npm can have several; none: it is not there. */
export interface PackageDifference {
  readonly type: Part['type'];
  readonly name: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** One of both sides of a path. */
export interface Side {
  readonly kind: Contained['kind'];
  /** Four octal digits. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes?: number;
  readonly sha256?: string;
  readonly target?: string;
  /** security.capability in hexadecimal. */
  readonly capabilities?: string;
  readonly package?: string;
  /** The reason; undefined if no builder has put it there. */
  readonly because?: string;
}

/** What can differ. `content` is that of a file, or the target of a link. */
export type Aspect = 'kind' | 'content' | 'mode' | 'owner' | 'capabilities' | 'package' | 'reason';

export interface FileDifference {
  /** A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** Of a path that has changed. */
  readonly differs?: readonly Aspect[];
  readonly before?: Side;
  readonly after?: Side;
}

export interface Differences {
  readonly packages: readonly PackageDifference[];
  readonly files: readonly FileDifference[];
}

export function differencesOf(before: Contents, after: Contents): Differences {
  return { packages: packageDifferences(before, after), files: fileDifferences(before, after) };
}

function packageDifferences(before: Contents, after: Contents): readonly PackageDifference[] {
  const all = new Map<
    string,
    { type: Part['type']; name: string; before: Set<string>; after: Set<string> }
  >();
  for (const [side, { parts }] of [['before', before] as const, ['after', after] as const])
    for (const { type, name, version } of parts)
      remember(all, `${type} ${name}`, () => ({
        type,
        name,
        before: new Set<string>(),
        after: new Set<string>(),
      }))[side].add(version);
  return [...all.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { type, name, ...sides }]) => {
      const [old, fresh] = [[...sides.before].toSorted(), [...sides.after].toSorted()];
      return { type, name, before: old, after: fresh };
    })
    .filter((one) => one.before.join(' ') !== one.after.join(' '));
}

function fileDifferences(before: Contents, after: Contents): readonly FileDifference[] {
  const isCompared = ({ kind }: Contained) => kind !== 'device' || (before.hasDevices && after.hasDevices);
  const [old, fresh] = [before, after].map(
    ({ entries }) => new Map(entries.filter(isCompared).map((entry) => [entry.path, entry])),
  ) as [Map<BytePath, Contained>, Map<BytePath, Contained>];
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].toSorted();
  return paths.flatMap((path): readonly FileDifference[] => {
    const [one, other] = [old.get(path), fresh.get(path)];
    const sides = { ...(one && { before: toSide(one) }), ...(other && { after: toSide(other) }) };
    const named = { path: toText(path), ...sides };
    if (one === undefined) return [{ change: 'added', ...named }];
    if (other === undefined) return [{ change: 'removed', ...named }];
    const differs = aspectsOf(one, other);
    return differs.length === 0 ? [] : [{ change: 'changed', differs, ...named }];
  });
}

const because = ({ reason }: Contained) => reason && showReason(reason);

function aspectsOf(one: Contained, other: Contained): readonly Aspect[] {
  const same: readonly (readonly [Aspect, boolean])[] = [
    ['kind', one.kind === other.kind],
    // A file and a link differ by their kind alone.
    ['content', one.kind !== other.kind || (one.sha256 === other.sha256 && one.target === other.target)],
    // The mode of a link means nothing (symlink(7)).
    ['mode', one.mode === other.mode || one.kind === 'link' || other.kind === 'link'],
    ['owner', one.uid === other.uid && one.gid === other.gid],
    ['capabilities', one.capabilities === other.capabilities],
    ['package', one.package === other.package],
    ['reason', because(one) === because(other)],
  ];
  return same.filter(([, isSame]) => !isSame).map(([aspect]) => aspect);
}

function toSide({ kind, mode, uid, gid, sizeBytes, sha256, target, ...more }: Contained): Side {
  return {
    kind,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(sha256 !== undefined && { sha256 }),
    ...(target !== undefined && { target: toText(target) }),
    ...(more.capabilities !== undefined && { capabilities: more.capabilities }),
    ...(more.package !== undefined && { package: more.package }),
    ...(more.reason !== undefined && { because: showReason(more.reason) }),
  };
}
