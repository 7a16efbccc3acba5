// The list of all that a change of a jail comes to, as it is on disk from the moment at which the change is decided.

import type { BytePath } from '../../binary/path.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { fromText, toText } from '../manifest/path-text.ts';

/**
 * `was` is what lay at a path when the change was decided, as lineAt tells it, or null for nothing. If something else lies there when an interrupted run
 * is completed, that stays. Undefined: it does not matter.
 */
export interface Expected {
  readonly path: BytePath;
  readonly was?: string | null | undefined;
}

/** Something that waits for its place. */
export interface Staged extends Expected {
  readonly staged: BytePath;
  /** Known in the run that has staged it. */
  readonly isDirectory?: boolean;
}

/** A directory that gets another mode or owner. */
export interface Attributes extends Expected, Pick<Recorded, 'mode' | 'uid' | 'gid'> {}

export interface CommitList {
  /** In the order in which they are put in place, directories first. */
  readonly files: readonly Staged[];
  readonly attributes: readonly Attributes[];
  /** What is removed then, a directory after what lies in it. */
  readonly obsolete: readonly Expected[];
}

export function isEmpty({ files, attributes, obsolete }: CommitList): boolean {
  return files.length + attributes.length + obsolete.length === 0;
}

/** Bytes of the list. */
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

/** @throws SyntaxError, TypeError if it is none. */
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

// JSON has no undefined in a list; false is none of the values.
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

/** Items of a list; a path by itself is an item of which nothing else is known. */
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
