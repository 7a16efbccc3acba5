// What a clone has to know of its template, from a manifest that is not read in full: most of a thousand entries' time
// would go into what only an update asks for.

import { gunzipSync } from 'node:zlib';

import type { BytePath } from '../binary/path.ts';
import type { DirectoryRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { JailError } from '../errors.ts';
import { hasManifest } from './host/place.ts';
import { MANIFEST_PATH } from './manifest/manifest.ts';
import { fromText } from './manifest/path-text.ts';

export interface Template {
  /** Paths of it that were asked for with set-user-ID, set-group-ID or file capabilities. */
  readonly privileged: readonly BytePath[];
  /** How much the builder has put there. */
  readonly files: number;
  readonly sizeBytes: number;
}

/** Undefined if the builder has not made it. @throws JailError ERR_MANIFEST if the manifest cannot be read */
export function readTemplate(jail: DirectoryRoot): Template | undefined {
  if (!hasManifest(jail)) return undefined;
  const file = jail.open(MANIFEST_PATH);
  if (file === undefined) return undefined;
  try {
    return toTemplate(jail, file.read(0, Math.min(file.status.sizeBytes, MAX_BYTES)));
  } catch (error) {
    throw new JailError(`the manifest of the template is damaged: ${(error as Error).message}`, {
      code: 'ERR_MANIFEST',
      path: MANIFEST_PATH,
      hint: 'build the template anew',
      cause: error,
    });
  } finally {
    file.close();
  }
}

const MAX_BYTES = 256 << 20;

interface Written {
  readonly recipe: { readonly keepPrivileges: readonly string[] };
  readonly entries: readonly {
    readonly path: string;
    readonly kind: string;
    readonly mode: string;
    readonly source?: string | null;
    readonly sizeBytes?: number;
  }[];
}

function toTemplate(jail: DirectoryRoot, data: Uint8Array): Template {
  const text = gunzipSync(data, { maxOutputLength: MAX_BYTES }).toString();
  const { recipe, entries } = JSON.parse(text) as Written;
  const files = entries.filter(({ kind }) => kind === 'file');
  // by its name on the host, which can be that of a link, and by what came of it
  const kept = new Set(recipe.keepPrivileges);
  const marked = files.filter(
    ({ path, source, mode }) => kept.has(source ?? path) || (Number.parseInt(mode, 8) & 0o6000) !== 0,
  );
  return {
    privileged: [
      ...marked.map(({ path }) => fromText(path)),
      ...recipe.keepPrivileges.map((path) => walk(jail, fromText(path)).path),
    ],
    files: files.length,
    sizeBytes: files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
  };
}
