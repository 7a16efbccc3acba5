// The manifest of a jail: its files, their reasons and sources. It is stored in the jail; only root can read or change it.

import { gunzipSync, gzipSync } from 'node:zlib';

import { type BytePath, bytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { withRegular } from './file-hash.ts';
import { STORE } from './layout.ts';
import { fromText, toText } from './path-text.ts';
import { HOWS, type Reason } from './planned-entry.ts';
import { isDestination, type Recipe, recipeFromJson, recipeToJson } from './recipe.ts';

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

/** Whether it is a file that an administrator may edit or remove in the jail: update leaves it so, as dpkg(1) does. */
export function isConfiguration({ kind, path }: { readonly kind: string; readonly path: BytePath }): boolean {
  return kind === 'file' && path.startsWith('/etc/');
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

// A missing field is the same as an undefined one.
function isSameRecord(one: Recorded, other: Recorded | undefined): boolean {
  const [a, b] = [one.reason, other?.reason];
  const isSameReason = a.how === b?.how && a.by === b.by && a.as === b.as;
  const keys = Object.keys({ ...one, ...other }) as (keyof Recorded)[];
  return isSameReason && keys.every((key) => key === 'reason' || one[key] === other?.[key]);
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

/** Undefined if there is none, or if other users can write it, because root acts on it. @throws JailError ERR_MANIFEST */
export function readManifest(jail: FileRoot): Manifest | undefined {
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || !isRootsAlone(store)) return undefined;
  const data = withRegular(jail, MANIFEST_PATH, ({ status, read }) =>
    isRootsAlone(status) ? read(0, Math.min(status.sizeBytes, MAX_BYTES)) : undefined,
  );
  return data && parseManifest(data);
}

type Json = Readonly<Record<string, unknown>>;

/** Leaves out usual values: root's ids, and a source that has the same path on the host. */
function entryToJson(entry: Recorded): object {
  const { path, kind, mode, uid, gid, reason, source, target } = entry;
  // The order is fixed, so the same entry gives the same text.
  return {
    path: toText(path),
    kind,
    mode: mode.toString(8).padStart(4, '0'),
    uid: uid || undefined,
    gid: gid || undefined,
    sizeBytes: entry.sizeBytes,
    sha256: entry.sha256,
    mtimeMs: entry.mtimeMs,
    keepPrivileges: entry.keepPrivileges,
    package: entry.package,
    major: entry.major,
    minor: entry.minor,
    source: source === undefined && kind === 'file' ? null : source === path ? undefined : textOf(source),
    target: textOf(target),
    how: reason.how,
    by: textOf(reason.by),
    as: textOf(reason.as),
  };
}

function textOf(bytes: string | undefined): string | undefined {
  return bytes === undefined ? undefined : toText(bytes as BytePath);
}

/** @throws TypeError if the value is not an entry. */
function entryFromJson(value: unknown): Recorded {
  const json = toObject(value);
  const path = fromText(textAt(json, 'path'));
  if (path === '/' || !isDestination(path)) throw new TypeError('an entry has no path of a jail');
  // There can be a hundred thousand entries, so each is one object, and there are few object shapes.
  const entry: Writable<Recorded> = {
    path,
    kind: oneOf(KINDS, textAt(json, 'kind'), 'kind'),
    mode: modeAt(json),
    uid: integerAt(json, 'uid', MAX_ID) ?? 0,
    gid: integerAt(json, 'gid', MAX_ID) ?? 0,
    reason: reasonOf(json),
  };
  if (entry.kind === 'link') entry.target = fromText(textAt(json, 'target'));
  else if (entry.kind === 'file') addContent(entry, json);
  else if (entry.kind === 'device') {
    entry.major = requiredAt(json, 'major');
    entry.minor = requiredAt(json, 'minor');
  }
  return entry;
}

const KINDS: readonly Recorded['kind'][] = ['directory', 'link', 'file', 'device'];

function oneOf<T extends string>(known: readonly T[], text: string, what: string): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw new TypeError(`an entry has no ${what}`);
  return found;
}

function addContent(entry: Writable<Recorded>, json: Json): void {
  const sha256 = textAt(json, 'sha256');
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError('a file has no sha256');
  entry.sizeBytes = requiredAt(json, 'sizeBytes');
  entry.sha256 = sha256;
  const mtimeMs = integerAt(json, 'mtimeMs', Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER);
  if (mtimeMs !== undefined) entry.mtimeMs = mtimeMs;
  if (json['source'] !== null) entry.source = pathAt(json, 'source') ?? entry.path;
  if (json['keepPrivileges'] === true) entry.keepPrivileges = true;
  if (json['package'] !== undefined) entry.package = textAt(json, 'package');
}

function reasonOf(json: Json): Reason {
  const reason: Writable<Reason> = { how: oneOf(HOWS, textAt(json, 'how'), 'reason') };
  const by = pathAt(json, 'by');
  if (by !== undefined) reason.by = by;
  const as = json['as'];
  if (typeof as === 'string') reason.as = fromText(as);
  return reason;
}

/** @throws TypeError unless it is an object */
function toObject(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new TypeError('an object is expected');
}

/** @throws TypeError unless the value is a text without a NUL byte */
function textAt(json: Json, key: string): string {
  const text = json[key];
  if (typeof text === 'string' && text !== '' && !text.includes('\0')) return text;
  throw new TypeError(`${key} is no text`);
}

/** Undefined if there is none. @throws TypeError unless it is an absolute path */
function pathAt(json: Json, key: string): BytePath | undefined {
  if (json[key] === undefined) return undefined;
  const path = textAt(json, key);
  if (path.startsWith('/')) return fromText(path);
  throw new TypeError(`${key} is no absolute path`);
}

// 2^32 - 1 means "no change" in chown(2).
const MAX_ID = 2 ** 32 - 2;

function integerAt(json: Json, key: string, most: number, least = 0): number | undefined {
  const number = json[key];
  if (number === undefined) return undefined;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most)
    return number;
  throw new TypeError(`${key} is no such number`);
}

function requiredAt(json: Json, key: string): number {
  const number = integerAt(json, key, Number.MAX_SAFE_INTEGER);
  if (number !== undefined) return number;
  throw new TypeError(`${key} is missing`);
}

function modeAt(json: Json): number {
  const text = textAt(json, 'mode');
  if (/^[0-7]{4}$/.test(text)) return Number.parseInt(text, 8);
  throw new TypeError('mode is no mode');
}
