// One entry of the manifest as JSON.

import type { BytePath } from '../../binary/path.ts';
import { HOWS, type Reason } from './planned-entry.ts';
import type { Recorded, Writable } from './manifest.ts';
import { isDestination } from './recipe.ts';
import { fromText, toText } from './path-text.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Leaves out usual values: root's ids, and a source that has the same path on the host. */
export function entryToJson(entry: Recorded): object {
  const { path, kind, mode, uid, gid, reason, source, target } = entry;
  // The order is fixed, so the same entry gives the same text.
  return {
    path: toText(path),
    kind,
    mode: mode.toString(8).padStart(4, '0'),
    ...(uid !== 0 && { uid }),
    ...(gid !== 0 && { gid }),
    sizeBytes: entry.sizeBytes,
    sha256: entry.sha256,
    mtimeMs: entry.mtimeMs,
    keepPrivileges: entry.keepPrivileges,
    package: entry.package,
    major: entry.major,
    minor: entry.minor,
    ...(source !== undefined && source !== path && { source: toText(source) }),
    ...(source === undefined && kind === 'file' && { source: null }),
    target: target === undefined ? undefined : toText(target),
    how: reason.how,
    by: reason.by === undefined ? undefined : toText(reason.by),
    as: reason.as === undefined ? undefined : toText(reason.as as BytePath),
  };
}

/** @throws TypeError if the value is not an entry. */
export function entryFromJson(value: unknown): Recorded {
  const json = toObject(value);
  const path = fromText(textAt(json, 'path'));
  if (path === '/' || !isDestination(path)) throw new TypeError('an entry has no path of a jail');
  // There can be a hundred thousand entries, so each is one object, and there are few object shapes.
  const entry: Writable<Recorded> = {
    path,
    kind: kindOf(textAt(json, 'kind')),
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

function kindOf(text: string): Recorded['kind'] {
  const kind = KINDS.find((one) => one === text);
  if (kind === undefined) throw new TypeError('an entry has no kind');
  return kind;
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
  const text = textAt(json, 'how');
  const how = HOWS.find((one) => one === text);
  if (how === undefined) throw new TypeError('an entry has no reason');
  const reason: Writable<Reason> = { how };
  const by = pathAt(json, 'by');
  if (by !== undefined) reason.by = by;
  const as = json['as'];
  if (typeof as === 'string') reason.as = fromText(as);
  return reason;
}

/** @throws TypeError unless it is an object */
export function toObject(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new TypeError('an object is expected');
}

/** @throws TypeError unless the value is a text without a NUL byte */
export function textAt(json: Json, key: string): string {
  const text = json[key];
  if (typeof text === 'string' && text !== '' && !text.includes('\0')) return text;
  throw new TypeError(`${key} is no text`);
}

/** Undefined if there is none. @throws TypeError unless it is an absolute path */
export function pathAt(json: Json, key: string): BytePath | undefined {
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
