// The manifest of a jail: its files, their reasons and their sources. It is stored in the jail, and only root can read or change
// it.

import { gunzipSync, gzipSync } from 'node:zlib';

import { type BytePath, bytePath } from '../../binary/path.ts';
import type { FileRoot, FileStatus } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import type { Reason } from './planned-entry.ts';
import { openRegular } from './file-hash.ts';
import { STORE } from './layout.ts';
import { entryFromJson, entryToJson, type Json, pathAt, textAt, toObject } from './entry-json.ts';
import { type Recipe, recipeFromJson, recipeToJson } from './recipe.ts';
import { toText } from './path-text.ts';

export const MANIFEST_PATH: BytePath = bytePath('/.uchroot/manifest.json.gz');

const FORMAT = 1;
const MAX_BYTES = 256 << 20;

/** One path of the jail as it was made. */
export interface Recorded {
  readonly path: BytePath;
  readonly kind: 'directory' | 'link' | 'file' | 'device';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly reason: Reason;
  /** Of a file: size, SHA-256 in hexadecimal, and modification time in ms since 1970. */
  readonly sizeBytes?: number;
  readonly sha256?: string;
  readonly mtimeMs?: number;
  /** The path on the host; undefined for a file that the builder wrote. */
  readonly source?: BytePath;
  /** The copy keeps its source's set-user-ID, set-group-ID and file capabilities. */
  readonly keepPrivileges?: true;
  /** The Debian package that the source belongs to. */
  readonly package?: string;
  /** The target of a link. */
  readonly target?: BytePath;
  /** Of a device. */
  readonly major?: number;
  readonly minor?: number;
}

/** The type of an object while its properties are set. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A pack, and the file for which it was added; no file if the pack was asked for. */
export interface RecordedPack {
  readonly name: string;
  readonly trigger?: BytePath | undefined;
}

export interface Manifest {
  readonly recipe: Recipe;
  readonly packs: readonly RecordedPack[];
  /** Versions of the files' packages, by package name. */
  readonly packages: Readonly<Record<string, string>>;
  /** A directory comes before its content. */
  readonly entries: readonly Recorded[];
}

/** The bytes contain no date and no host name: the same manifest gives the same bytes. */
export function writeManifest(manifest: Manifest): Buffer {
  const lines = manifest.entries.map((entry) => JSON.stringify(entryToJson(entry)));
  return gzipSync(`${headOf(manifest).slice(0, -1)},"entries":[\n${lines.join(',\n')}\n]}\n`, { level: 9 });
}

/** Whether both give the same bytes. */
export function isSameManifest(one: Manifest, other: Manifest): boolean {
  return (
    headOf(one) === headOf(other) &&
    one.entries.length === other.entries.length &&
    one.entries.every((entry, index) => isSameRecord(entry, other.entries[index]))
  );
}

const COMPARED: Readonly<Record<Exclude<keyof Recorded, 'reason'>, true>> = {
  path: true,
  kind: true,
  mode: true,
  uid: true,
  gid: true,
  sizeBytes: true,
  sha256: true,
  mtimeMs: true,
  source: true,
  keepPrivileges: true,
  package: true,
  target: true,
  major: true,
  minor: true,
};
const KEYS = Object.keys(COMPARED) as (keyof typeof COMPARED)[];

function isSameRecord(one: Recorded, other: Recorded | undefined): boolean {
  const [a, b] = [one.reason, other?.reason];
  const isSameReason = a.how === b?.how && a.by === b.by && a.as === b.as;
  return isSameReason && KEYS.every((key) => one[key] === other?.[key]);
}

function headOf({ recipe, packs, packages }: Manifest): string {
  const versions = Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    format: FORMAT,
    recipe: recipeToJson(recipe),
    packs: packs.map(({ name, trigger }) => ({ name, ...(trigger && { trigger: toText(trigger) }) })),
    packages: Object.fromEntries(versions),
  });
}

/** @throws JailError ERR_MANIFEST if the bytes are not a manifest */
export function parseManifest(data: Uint8Array): Manifest {
  try {
    return fromJson(toObject(JSON.parse(gunzipSync(data, { maxOutputLength: MAX_BYTES }).toString())));
  } catch (error) {
    throw new JailError(`the manifest of the jail is damaged: ${(error as Error).message}`, {
      code: 'ERR_MANIFEST',
      path: MANIFEST_PATH,
      hint: 'build the jail anew',
    });
  }
}

function fromJson(json: Json): Manifest {
  if (json['format'] !== FORMAT)
    throw new TypeError(`its format is ${String(json['format'])}, and this version reads ${FORMAT}`);
  const entries = listAt(json, 'entries').map(entryFromJson);
  if (new Set(entries.map(({ path }) => path)).size !== entries.length)
    throw new TypeError('a path stands there twice');
  const packages = toObject(json['packages']);
  return {
    recipe: recipeFromJson(json['recipe'], 'its recipe'),
    packs: listAt(json, 'packs').map(packFromJson),
    packages: Object.fromEntries(Object.keys(packages).map((name) => [name, textAt(packages, name)])),
    entries,
  };
}

function packFromJson(value: unknown): RecordedPack {
  const pack = toObject(value);
  const trigger = pathAt(pack, 'trigger');
  return { name: textAt(pack, 'name'), ...(trigger !== undefined && { trigger }) };
}

function listAt(json: Json, key: string): readonly unknown[] {
  const list = json[key];
  if (Array.isArray(list)) return list;
  throw new TypeError(`${key} is no list`);
}

/**
 * The manifest of a jail. Undefined if there is none, or if other users can write it, because root acts on it.
 * @throws JailError ERR_MANIFEST; system errors.
 */
export function readManifest(jail: FileRoot): Manifest | undefined {
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || !isOfRoot(store)) return undefined;
  const file = openRegular(jail, MANIFEST_PATH);
  if (file === undefined) return undefined;
  try {
    return isOfRoot(file.status)
      ? parseManifest(file.read(0, Math.min(file.status.sizeBytes, MAX_BYTES)))
      : undefined;
  } finally {
    file.close();
  }
}

function isOfRoot({ uid, mode }: FileStatus): boolean {
  return uid === 0 && (mode & 0o022) === 0;
}
