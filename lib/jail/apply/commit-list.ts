// The list of all changes to a jail, and its form on disk.

import type { BytePath } from '../../binary/path.ts';
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
  /** Only set in the run that staged it; not written to disk. */
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

export function isEmpty({ files, attributes, obsolete }: CommitList): boolean {
  return files.length + attributes.length + obsolete.length === 0;
}

export function listToJson({ files, attributes, obsolete }: CommitList): Buffer {
  const list = {
    files: files.map(({ staged, path, was }) => [toText(staged), toText(path), wasToJson(was)]),
    attributes: attributes.map(({ path, was, mode, uid, gid }) => [
      toText(path),
      wasToJson(was),
      mode,
      uid,
      gid,
    ]),
    obsolete: obsolete.map(({ path, was }) => [toText(path), wasToJson(was)]),
  };
  return Buffer.from(JSON.stringify(list));
}

/** @throws SyntaxError, TypeError if the bytes are no such list */
export function listFromJson(data: Buffer): CommitList {
  const { files, attributes = [], obsolete } = JSON.parse(data.toString()) as Record<string, unknown>;
  return {
    files: toList(files).map(([staged, path, was]) => ({
      staged: toPath(staged),
      path: toPath(path),
      was: wasFromJson(was),
    })),
    attributes: toList(attributes).map(([path, was, mode, uid, gid]) => ({
      path: toPath(path),
      was: wasFromJson(was),
      mode: toNumber(mode),
      uid: toNumber(uid),
      gid: toNumber(gid),
    })),
    obsolete: toList(obsolete).map(([path, was]) => ({ path: toPath(path), was: wasFromJson(was) })),
  };
}

// JSON has no undefined in a list, so false stands for it.
function wasToJson(was: Expected['was']): string | null | false {
  if (was === undefined) return false;
  return was === null ? null : toText(was as BytePath);
}

function wasFromJson(value: unknown): Expected['was'] {
  if (value === false || value === undefined) return undefined;
  if (value === null) return null;
  if (typeof value === 'string') return fromText(value);
  throw new TypeError('a line is expected');
}

/** The items of a list. A plain path is an item with only that path. */
function toList(value: unknown): readonly (readonly unknown[])[] {
  if (!Array.isArray(value)) throw new TypeError('a list is expected');
  return (value as unknown[]).map((item) => (Array.isArray(item) ? (item as unknown[]) : [item]));
}

function toPath(value: unknown): BytePath {
  if (typeof value === 'string') return fromText(value);
  throw new TypeError('a path is expected');
}

function toNumber(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new TypeError('a number is expected');
}
