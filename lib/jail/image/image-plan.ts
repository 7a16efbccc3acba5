// Plans the content of a jail from an image: every file of it, with the reason that its own manifest tells, if it was a jail once. Pure.
import { type BytePath, isWithin, parentPath, showPaths } from '../../tree/path.ts';
import { CHARACTER_DEVICE, DESCRIPTOR_LINKS, DEVICES } from '../host/devices.ts';
import type { ImagePath } from './image-merge.ts';
import { OTHERS } from './tar-header.ts';
import { showOrigin } from '../manifest/image-origin.ts';
import { mountPoints, STORE } from '../manifest/layout.ts';
import { addedByExport } from './travelled.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import { isDebian } from '../manifest/origin.ts';
import type { Entry, Reason } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailPlan } from '../plan/jail-plan.ts';

/** What is known of an image whose files were unpacked. */
export interface ImageContents {
  readonly paths: readonly ImagePath[];
  /** The manifest that the image has with it. Anybody can have written it: it gives reasons and names of packages, and no paths. */
  readonly manifest: Manifest | undefined;
}

export interface ImagePlan {
  readonly plan: JailPlan;
  /** Sentences about what is not in the jail. */
  readonly notes: readonly string[];
}

/** @param recipe its `image`, `without` and `keepPrivileges` count */
export function planImage({ paths, manifest }: ImageContents, recipe: Recipe): ImagePlan {
  const known = new Map((manifest?.entries ?? []).map((entry) => [entry.path, entry]));
  const isAdded = addedByExport(manifest);
  const versions = new Map(Object.entries(manifest?.packages ?? {}));
  const origins = new Map(Object.entries(manifest?.origins ?? {}));
  const privileged = new Set(recipe.keepPrivileges);
  const lost: Lost = { devices: [], special: [], privileges: [], capabilities: [], attributes: [] };
  const used = new Set<BytePath>();
  const packages = new Map<BytePath, string>();
  const entries: Entry[] = [];
  const origin = recipe.image === undefined ? '' : showOrigin(recipe.image);
  for (const one of paths) {
    const { path } = one;
    if (isWithin(path, STORE)) continue;
    const out = recipe.without.find((left) => isWithin(path, left));
    if (out !== undefined) used.add(out);
    if (out !== undefined) continue;
    const record = sameAs(one, known.get(path));
    const name = record?.package;
    if (name !== undefined && isDebian(name, versions.get(name) ?? '')) packages.set(path, name);
    const reason: Reason = isAdded(path) ? { how: 'exported' } : { how: 'image', as: origin };
    const entry = toEntry(one, record?.reason ?? reason, privileged.has(path), lost);
    if (entry !== undefined) entries.push(entry);
  }
  const there = new Map(entries.map(({ path, kind }) => [path, kind]));
  for (const entry of ofRuntime()) {
    const above = parentPath(entry.path);
    const record = known.get(entry.path);
    if (manifest?.recipe.without.some((left) => isWithin(entry.path, left)) === true) continue;
    if (there.has(entry.path) || (above !== '/' && there.get(above) !== 'directory')) continue;
    there.set(entry.path, entry.kind);
    entries.push(record?.kind !== entry.kind ? entry : { ...entry, reason: record.reason });
  }
  return {
    plan: {
      ...nothing,
      entries,
      packageOf: (path) => packages.get(path),
      versionOf: (name) => versions.get(name),
      originOf: (name) => origins.get(name),
      system: manifest?.system,
      unused: recipe.without.filter((left) => !used.has(left)),
      absent: recipe.keepPrivileges.filter((path) => !there.has(path)),
    },
    notes: Object.entries(NOTES).flatMap(([kind, words]) => {
      const these = lost[kind as keyof typeof NOTES];
      return these.length === 0 ? [] : [words(showPaths(these))];
    }),
  };
}

// What a container runtime adds to an image.
function ofRuntime(): readonly Entry[] {
  const reason: Reason = { how: 'layout' };
  return [
    ...mountPoints.map((path) => ({ kind: 'directory', path, mode: 0o755, reason }) as const),
    { kind: 'directory', path: '/tmp' as BytePath, mode: 0o1777, reason },
    ...DEVICES.map(([name, major, minor]) => {
      const path = `/dev/${name}` as BytePath;
      return { kind: 'device', path, mode: CHARACTER_DEVICE | 0o666, major, minor, reason } as const;
    }),
    ...DESCRIPTOR_LINKS.map(([name, target]) => {
      return { kind: 'link', path: `/dev/${name}` as BytePath, target: target as BytePath, reason } as const;
    }),
  ];
}

const NOTES = {
  devices: (paths: string) => `left out, because only harmless devices come into a jail: ${paths}`,
  special: (paths: string) => `left out, because it is neither file, directory nor link: ${paths}`,
  privileges: (paths: string) =>
    `without set-user-ID and set-group-ID, because --keep-privileges does not name it: ${paths}`,
  capabilities: (paths: string) =>
    `without file capabilities, which are not taken from an image (setcap(8) gives them): ${paths}`,
  attributes: (paths: string) =>
    `without their extended attributes and access control lists, which are not taken from an image: ${paths}`,
} as const;

type Lost = Readonly<Record<keyof typeof NOTES, BytePath[]>>;

const nothing: Omit<
  JailPlan,
  'entries' | 'packageOf' | 'versionOf' | 'originOf' | 'system' | 'unused' | 'absent'
> = {
  packs: [],
  cacheEntries: [],
  endian: 'little',
  missing: [],
  incomplete: [],
  optional: [],
  large: [],
  wanted: { programs: [], packages: [] },
  accounts: [],
  secrets: [],
  special: [],
  hidden: [],
  barren: [],
  vanished: [],
  onlyHere: [],
};

/** The record of the same object; undefined if another one is there now. */
function sameAs({ kind, content, target }: ImagePath, record: Recorded | undefined): Recorded | undefined {
  if (record?.kind !== kind) return undefined;
  if (kind === 'link') return record.target === target ? record : undefined;
  return kind !== 'file' || record.sha256 === content?.sha256 ? record : undefined;
}

const CAPABILITY = 'security.capability';
const SET_ID = 0o6000;

function toEntry(
  { path, kind, mode, uid, gid, target, major, minor, content, xattrs }: ImagePath,
  reason: Reason,
  keeps: boolean,
  lost: Lost,
): Entry | undefined {
  if (xattrs.has(OTHERS)) lost.attributes.push(path);
  switch (kind) {
    case 'directory':
      return { kind, path, mode, uid, gid, reason };
    case 'link':
      return { kind, path, target: target ?? ('' as BytePath), reason };
    case 'file': {
      if ((mode & SET_ID) !== 0 && !keeps) lost.privileges.push(path);
      if (xattrs.has(CAPABILITY)) lost.capabilities.push(path);
      const own = { kind, path, uid, gid, reason, source: path, sizeBytes: content?.sizeBytes ?? 0 } as const;
      return keeps ? { ...own, mode, keepPrivileges: true } : { ...own, mode: mode & ~SET_ID };
    }
    case 'device': {
      if (DEVICES.some(([, ours, number]) => ours === major && number === minor))
        return { kind, path, mode: CHARACTER_DEVICE | mode, major: major ?? 0, minor: minor ?? 0, reason };
      lost.devices.push(path);
      return undefined;
    }
    case 'block-device':
      lost.devices.push(path);
      return undefined;
    case 'fifo':
      lost.special.push(path);
      return undefined;
    default:
      return kind satisfies never;
  }
}
