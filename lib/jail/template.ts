// Reads the parts of a template's manifest that a clone needs. Checking all entries would take most of a clone's time.

import { gunzipSync } from 'node:zlib';

import type { BytePath } from '../binary/path.ts';
import type { DirectoryRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { JailError } from '../errors.ts';
import { hasManifest } from './host/jail-place.ts';
import { MANIFEST_PATH } from './manifest/manifest.ts';
import { fromText } from './manifest/path-text.ts';

export interface Template {
  /** Paths that were built with set-user-ID, set-group-ID or file capabilities. */
  readonly privileged: readonly BytePath[];
  readonly files: number;
  readonly sizeBytes: number;
}

/** Undefined if the builder has not made the jail. @throws JailError ERR_MANIFEST if the manifest cannot be read */
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
  // The recipe names the path on the host, which can be a link. The mode shows set-user-ID too.
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
