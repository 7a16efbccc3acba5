// The list of all changes to a jail, and its form on disk.

import type { BytePath } from '../../tree/path.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { fromText, toText } from '../manifest/path-text.ts';

/**
 * `was` is the line (lineAt) of the object that was at the path when the change was decided, or null if there was none. A run
 * that completes an interrupted one skips the path if it has another object by then. Undefined: not checked.
 */
export interface Expected {
  readonly path: BytePath;
  readonly was?: string | null | undefined;
}

export interface Staged extends Expected {
  readonly staged: BytePath;
  /** Not written to disk: a run that completes another one looks again. */
  readonly isDirectory?: boolean;
}

export interface Attributes extends Expected, Pick<Recorded, 'mode' | 'uid' | 'gid'> {}

export interface CommitList {
  /** In the order in which they are put in place: directories first. */
  readonly files: readonly Staged[];
  readonly attributes: readonly Attributes[];
  /** Removed after that: a directory after its content. */
  readonly obsolete: readonly Expected[];
}

/** The fields of each item in the list on disk, in their order. */
const FIELDS = {
  files: ['staged', 'path', 'was'],
  attributes: ['path', 'was', 'mode', 'uid', 'gid'],
  obsolete: ['path', 'was'],
} as const;

type Item = Readonly<Record<string, unknown>>;

export function listToJson(list: CommitList): Buffer {
  const rows = Object.entries(FIELDS).map(([name, fields]) => {
    const items = list[name as keyof CommitList] as readonly unknown[] as readonly Item[];
    return [name, items.map((item) => fields.map((field) => fieldToJson(item[field])))];
  });
  return Buffer.from(JSON.stringify(Object.fromEntries(rows)));
}

// JSON has no undefined in a list, so false stands for it.
function fieldToJson(value: unknown): unknown {
  return typeof value === 'string' ? toText(value as BytePath) : value === undefined ? false : value;
}

/** @throws SyntaxError, TypeError if the bytes are no such list */
export function listFromJson(data: Buffer): CommitList {
  const json = { attributes: [], ...(JSON.parse(data.toString()) as Readonly<Record<string, unknown>>) };
  const rows = Object.entries(FIELDS).map(([name, fields]) => {
    const items: unknown = json[name as keyof typeof json];
    if (!Array.isArray(items)) throw new TypeError('a list is expected');
    return [name, items.map((item) => itemFromJson(fields, item))];
  });
  return Object.fromEntries(rows) as CommitList;
}

// A plain path is an item with only that path.
function itemFromJson(fields: readonly string[], item: unknown): Item {
  const values = Array.isArray(item) ? (item as unknown[]) : [item];
  return Object.fromEntries(fields.map((field, index) => [field, fieldFromJson(field, values[index])]));
}

function fieldFromJson(field: string, value: unknown): unknown {
  if (field === 'was' && value === null) return null;
  if (field === 'was' && (value === undefined || value === false)) return undefined;
  if (/^(?:mode|uid|gid)$/.test(field) && Number.isInteger(value)) return value;
  if (/^(?:path|staged|was)$/.test(field) && typeof value === 'string') return fromText(value);
  throw new TypeError(`${field} is wrong`);
}
