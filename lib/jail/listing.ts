// Lists a jail's files according to its manifest, and explains them.

import { type BytePath, isWithin, lastComponent, showPath } from '../tree/path.ts';
import type { DirectoryRoot } from '../tree/root.ts';
import { walk } from '../tree/walk.ts';
import { JailError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import { path } from '../values/validators.ts';
import { nearest } from '../words/nearest.ts';
import type { Bytes } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { absolute } from './host/given-path.ts';
import { openBuilt } from './host/source-host.ts';
import { explain, type PackReason, packReasons } from './manifest/jail-parts.ts';
import { type Manifest, MANIFEST_PATH, readManifest, type Recorded } from './manifest/manifest.ts';
import { toText } from './manifest/path-text.ts';
import { showReason } from './manifest/planned-entry.ts';
import { recipeToJson } from './manifest/recipe.ts';
import { checkRows } from './request/jail-request.ts';
import { closing } from './work/closing.ts';
import { toJailError } from './work/jail-error.ts';

export interface ListedFile extends Omit<Recorded, 'path' | 'source' | 'target' | 'reason'> {
  /** A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly source?: string;
  readonly target?: string;
  readonly because: string;
}

export interface JailList {
  readonly files: readonly ListedFile[];
  readonly packs: readonly PackReason[];
  /** Versions of the files' Debian packages. */
  readonly packages: Readonly<Record<string, string>>;
  /** The recipe as JSON, for `buildJail({recipe})`. */
  readonly recipe: object;
}

/** @throws JailError ENOENT, ERR_NO_MANIFEST, ERR_MANIFEST; EPERM for an ordinary user and a jail that is not his */
export async function listJail(asked: { readonly directory: Bytes }): Promise<JailList> {
  const request = takeRequest(asked, (own) => checkRows(own, ['directory']));
  return readBuilt(absolute(request.directory), (_jail, manifest) => ({
    files: manifest.entries.map(toListed),
    packs: packReasons(manifest),
    packages: manifest.packages,
    recipe: recipeToJson(manifest.recipe),
  }));
}

function toListed({ path, source, target, reason, ...rest }: Recorded): ListedFile {
  return {
    path: toText(path),
    ...rest,
    ...(source !== undefined && { source: toText(source) }),
    ...(target !== undefined && { target: toText(target) }),
    because: showReason(reason),
  };
}

export interface Explanation {
  /** The path in the jail, links resolved. */
  readonly path: string;
  /** Undefined if the builder has not put it there. */
  readonly file: ListedFile | undefined;
  /** The nearest reason first. The last one is the request. */
  readonly reasons: readonly string[];
  readonly version: string | undefined;
}

/** Explains why a path is in the jail. @throws JailError ENOENT if nothing is there; as listJail */
export async function explainFile(asked: {
  readonly directory: Bytes;
  readonly path: Bytes;
}): Promise<Explanation> {
  const request = takeRequest(asked, (own) => {
    checkRows(own, ['directory'], ['path']);
    path('/bin/sh')(own.path, 'path');
  });
  const directory = absolute(request.directory);
  return readBuilt(directory, (jail, manifest) => {
    const asked = absolute(request.path, true);
    const path = placeOf(jail, manifest, asked, directory);
    const entry = manifest.entries.find((other) => other.path === path) ?? mountedAt(manifest, path);
    return {
      path: toText(path),
      file: entry && toListed(entry),
      reasons: explain(manifest, entry?.path ?? path),
      version: entry?.package === undefined ? undefined : manifest.packages[entry.package],
    };
  });
}

// In a jail by reference: what a launch mounts there lies on the host.
const mountedAt = ({ entries }: Manifest, path: BytePath): Recorded | undefined =>
  entries.find((entry) => entry.reason.how === 'mounted' && isWithin(path, entry.path));

function placeOf(jail: DirectoryRoot, manifest: Manifest, asked: BytePath, directory: BytePath): BytePath {
  const { entries } = manifest;
  if (entries.some(({ path }) => path === asked)) return asked;
  const way = walk(jail, asked);
  if (mountedAt(manifest, way.path) !== undefined) return way.path;
  if (way.kind === 'found' || entries.some(({ path }) => path === way.path)) return way.path;
  // the path as the host sees it
  const inside = asked.startsWith(`${directory}/`)
    ? walk(jail, asked.slice(directory.length) as BytePath)
    : way;
  const meant = inside.kind === 'found' ? inside.path : meantBy(asked, entries);
  throw new JailError(`${showPath(asked)} is not in the jail`, {
    code: 'ENOENT',
    path: showPath(asked),
    hint:
      meant === undefined
        ? `${commandLine('uchroot-jail', 'list', directory)}   # shows what is in it`
        : `did you mean ${showPath(meant)}?`,
  });
}

// The name of a file alone, or a misspelt path.
function meantBy(asked: BytePath, entries: Manifest['entries']): BytePath | undefined {
  const files = entries.filter(({ kind }) => kind === 'file').map(({ path }) => path);
  return (
    files.find((path) => asked === `/${lastComponent(path)}`) ??
    (nearest(asked, files) as BytePath | undefined)
  );
}

/** Opens a jail that was built before and reads its manifest. @throws as listJail */
export function readBuilt<T>(directory: BytePath, use: (jail: DirectoryRoot, manifest: Manifest) => T): T {
  try {
    return closing(openBuilt(directory), (jail) => {
      const manifest = readManifest(jail);
      if (manifest !== undefined) return use(jail, manifest);
      const message = `${MANIFEST_PATH} in the jail can be written by other users than its owner`;
      throw new JailError(message, { code: 'ERR_INSECURE_PATH', path: MANIFEST_PATH });
    });
  } catch (error) {
    throw toJailError(error);
  }
}
