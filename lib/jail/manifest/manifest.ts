// The manifest of a jail: its files, their reasons and sources. It is stored in the jail; only root can read or change it.

import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzipSync } from 'node:zlib';

import { type BytePath, bytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { quote } from '../../words/quote.ts';
import { gradually, type Steps } from '../work/steps.ts';
import { withRegular } from './file-hash.ts';
import { asId, asInteger, asList, asObject, asPath, asText, type Json } from './fields.ts';
import { STORE } from './layout.ts';
import { type Origins, originsFromJson, type System, systemFromJson } from './origin.ts';
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
  /** Undefined: a version of uchroot before this key has written the manifest. */
  readonly origins?: Origins;
  /** Undefined: the system does not say what it is. */
  readonly system?: System | undefined;
  /** A directory comes before its content. */
  readonly entries: readonly Recorded[];
}

/** The bytes contain no date and no host name: the same manifest gives the same bytes. */
export const writeManifest = (manifest: Manifest): Buffer => gzipSync(manifestText(manifest), { level: 9 });

/** Whether both give the same bytes. */
export function isSameManifest(one: Manifest, other: Manifest): boolean {
  return one.entries.length === other.entries.length && manifestText(one) === manifestText(other);
}

const manifestText = (manifest: Manifest): string => [...manifestLines(manifest)].join('');

/** The manifest as JSON, a line for each entry. @param shown what of the entry is written */
export function* manifestLines(
  { recipe, packs, packages, origins, system, entries }: Manifest,
  shown = (entry: Recorded): Recorded => entry,
): Generator<string, void> {
  const head = JSON.stringify({
    format: FORMAT,
    recipe: recipeToJson(recipe),
    packs: packs.map(({ name, trigger }) => ({ name, ...(trigger && { trigger: toText(trigger) }) })),
    packages: inOrder(packages),
    ...(origins && { origins: inOrder(origins) }),
    ...(system && { system }),
  });
  yield `${head.slice(0, -1)}${BEFORE_ENTRIES}\n`;
  const last = entries.length - 1;
  for (const [i, entry] of entries.entries())
    yield `${JSON.stringify(entryToJson(shown(entry)))}${i === last ? '' : ',\n'}`;
  yield AFTER_ENTRIES;
}

const BEFORE_ENTRIES = ',"entries":[';
const AFTER_ENTRIES = '\n]}\n';
const maxOutputLength = MAX_BYTES;

const inOrder = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Reads a manifest, or the text of one, as an image has it. @throws JailError ERR_MANIFEST if the bytes are not a manifest */
export function parseManifest(data: Uint8Array): Manifest {
  try {
    const isText = data[0] === 0x7b;
    const steps = parseText(isText ? Buffer.from(data) : gunzipSync(data, { maxOutputLength }));
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  } catch (error) {
    throw damaged(error as Error);
  }
}

const damaged = (error: Error): JailError =>
  // The words of a SyntaxError quote the text.
  new JailError(
    `the manifest of the jail is damaged: ${error instanceof SyntaxError ? quote(error.message) : error.message}`,
    {
      code: 'ERR_MANIFEST',
      path: MANIFEST_PATH,
      hint: 'build the jail anew',
    },
  );

function* parseText(text: Buffer): Steps<Manifest> {
  const [head, lines] = splitLines(text);
  const json = asObject(JSON.parse(head));
  if (json['format'] !== FORMAT)
    throw new TypeError(`its format is ${String(json['format'])}, and this version reads ${FORMAT}`);
  const entries: Recorded[] = [];
  for (const entry of lines ?? asList(json['entries'], 'entries')) {
    entries.push(entryFromJson(entry));
    yield;
  }
  if (new Set(entries.map(({ path }) => path)).size !== entries.length)
    throw new TypeError('a path stands there twice');
  const packages = Object.entries(asObject(json['packages'], 'packages'));
  // An export and others make a path of it.
  const path = packages.find(([name]) => /^\.{0,2}$|\//.test(name));
  if (path !== undefined) throw new TypeError(`packages: ${JSON.stringify(path[0])} is no name`);
  const { origins, system } = json;
  return {
    recipe: recipeFromJson(json['recipe'], 'its recipe'),
    packs: asList(json['packs'], 'packs').map(packFromJson),
    packages: Object.fromEntries(packages.map(([name, version]) => [name, asText(version, name)])),
    ...(origins !== undefined && { origins: originsFromJson(origins) }),
    ...(system !== undefined && { system: systemFromJson(asObject(system, 'system')) }),
    entries,
  };
}

// The objects of the whole text would take twice the memory of the manifest.
function splitLines(text: Buffer): readonly [string, Iterable<unknown>?] {
  const start = text.indexOf('\n') + 1;
  const end = text.length - AFTER_ENTRIES.length;
  const head = text.toString('utf8', 0, Math.max(start - 1, 0));
  // Another writer may have put it on one line.
  if (!head.endsWith(BEFORE_ENTRIES) || end < start || text.toString('latin1', end) !== AFTER_ENTRIES)
    return [text.toString()];
  return [`${head.slice(0, -BEFORE_ENTRIES.length)}}`, entryLines(text, start, end)];
}

function* entryLines(text: Buffer, start: number, end: number): Generator<unknown, void> {
  for (let at = start; at < end;) {
    const next = text.indexOf(',\n', at);
    const stop = next < 0 || next > end ? end : next;
    yield JSON.parse(text.toString('utf8', at, stop));
    at = stop + 2;
  }
}

function packFromJson(value: unknown): RecordedPack {
  const { name, trigger } = asObject(value, 'packs');
  const file = trigger === undefined ? {} : { trigger: asPath(trigger, 'trigger') };
  return { name: asText(name, 'name'), ...file };
}

/** Undefined if there is none, or if other users can write it, because root acts on it. @throws JailError ERR_MANIFEST */
export function readManifest(jail: FileRoot): Manifest | undefined {
  const data = readBytes(jail);
  return data && parseManifest(data);
}

/** As readManifest, in steps. */
export async function readManifestGradually(jail: FileRoot): Promise<Manifest | undefined> {
  const data = readBytes(jail);
  if (data === undefined) return undefined;
  try {
    return await gradually(parseText(await promisify(gunzip)(data, { maxOutputLength })));
  } catch (error) {
    throw damaged(error as Error);
  }
}

function readBytes(jail: FileRoot): Uint8Array | undefined {
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || !isRootsAlone(store)) return undefined;
  return withRegular(jail, MANIFEST_PATH, ({ status, read }) =>
    isRootsAlone(status) ? read(0, Math.min(status.sizeBytes, MAX_BYTES)) : undefined,
  );
}

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
    source: source === undefined && kind === 'file' ? null : source === path ? undefined : maybeText(source),
    target: maybeText(target),
    how: reason.how,
    by: maybeText(reason.by),
    as: maybeText(reason.as),
  };
}

function maybeText(bytes: string | undefined): string | undefined {
  return bytes === undefined ? undefined : toText(bytes as BytePath);
}

/** @throws TypeError if the value is not an entry. */
function entryFromJson(value: unknown): Recorded {
  const json = asObject(value, 'entries');
  const path = asPath(json['path'], 'path');
  if (path === '/' || !isDestination(path)) throw new TypeError('an entry has no path of a jail');
  const mode = asText(json['mode'], 'mode');
  if (!/^[0-7]{4}$/.test(mode)) throw new TypeError('mode: four octal digits are expected');
  // There can be a hundred thousand entries, so each is one object, and there are few object shapes.
  const entry: Writable<Recorded> = {
    path,
    kind: oneOf(KINDS, json['kind'], 'kind'),
    mode: Number.parseInt(mode, 8),
    uid: asId(json['uid'], 'uid'),
    gid: asId(json['gid'], 'gid'),
    reason: reasonOf(json),
  };
  if (entry.kind === 'link') entry.target = fromText(asText(json['target'], 'target'));
  else if (entry.kind === 'file') addContent(entry, json);
  else if (entry.kind === 'device') {
    entry.major = asInteger(json['major'], 'major', Number.MAX_SAFE_INTEGER);
    entry.minor = asInteger(json['minor'], 'minor', Number.MAX_SAFE_INTEGER);
  }
  return entry;
}

const KINDS: readonly Recorded['kind'][] = ['directory', 'link', 'file', 'device'];

function oneOf<T extends string>(known: readonly T[], value: unknown, key: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new TypeError(`an entry has no ${key}`);
  return found;
}

function addContent(entry: Writable<Recorded>, json: Json): void {
  const { sizeBytes, sha256, mtimeMs, source, package: name } = json;
  entry.sizeBytes = asInteger(sizeBytes, 'sizeBytes', Number.MAX_SAFE_INTEGER);
  entry.sha256 = asText(sha256, 'sha256');
  if (!/^[0-9a-f]{64}$/.test(entry.sha256)) throw new TypeError('a file has no sha256');
  if (mtimeMs !== undefined)
    entry.mtimeMs = asInteger(mtimeMs, 'mtimeMs', Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER);
  if (source !== null) entry.source = source === undefined ? entry.path : asPath(source, 'source');
  if (json['keepPrivileges'] === true) entry.keepPrivileges = true;
  if (name !== undefined) entry.package = asText(name, 'package');
}

function reasonOf({ how, by, as }: Json): Reason {
  const reason: Writable<Reason> = { how: oneOf(HOWS, how, 'reason') };
  if (by !== undefined) reason.by = asPath(by, 'by');
  if (typeof as === 'string') reason.as = fromText(as);
  return reason;
}
