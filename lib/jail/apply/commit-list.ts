// The list of all changes to a jail, and its form on disk.

import type { BytePath } from '../../tree/path.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { asId, asInteger, asList, asObject, asPath, asText, type Json } from '../manifest/fields.ts';
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

export function listToJson(list: CommitList): Buffer {
  const keys = new Set(['files', 'attributes', 'obsolete', 'staged', 'path', 'was', 'mode', 'uid', 'gid']);
  const replace = (key: string, value: unknown): unknown => {
    if (typeof value === 'string') return toText(value as BytePath);
    return key === '' || /^\d+$/.test(key) || keys.has(key) ? value : undefined;
  };
  return Buffer.from(JSON.stringify(list, replace));
}

/** @throws SyntaxError, TypeError if the bytes are no such list */
export function listFromJson(data: Buffer): CommitList {
  const json = asObject(JSON.parse(data.toString()));
  const items = <T>(key: keyof CommitList, read: (item: Json) => T) =>
    asList(json[key], key).map((item) => read(asObject(item, key)));
  return {
    files: items('files', (item) => ({ ...expectedIn(item), staged: asPath(item['staged'], 'staged') })),
    attributes: items('attributes', (item) => ({
      ...expectedIn(item),
      mode: asInteger(item['mode'], 'mode', 0o7777),
      uid: asId(item['uid'], 'uid'),
      gid: asId(item['gid'], 'gid'),
    })),
    obsolete: items('obsolete', expectedIn),
  };
}

function expectedIn({ path, was }: Json): Expected {
  const before = was === undefined || was === null ? was : fromText(asText(was, 'was'));
  return { path: asPath(path, 'path'), was: before };
}
