// Finds packages with plugins that the configuration of another one loads: PHP's extensions, modules of nginx.

import { type BytePath, lastComponent, parentPath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Package, Packages } from './database.ts';
import { dependenciesOf } from './follow.ts';
import { readIfThere } from './read.ts';

export interface Plugin {
  readonly pkg: Package;
  /** What it is a plugin of. */
  readonly from: Package;
  /** The file that loads it. */
  readonly by: BytePath;
}

const MAX_FILE_BYTES = 1 << 18;

/**
 * Packages with a shared object that one of the files names, and that depend on what the file configures: a `used` package of
 * the source that has the directory to itself.
 */
export function findPlugins(
  root: FileRoot,
  packages: Packages,
  used: ReadonlySet<Package>,
  files: Iterable<BytePath>,
): readonly Plugin[] {
  const loaded = loadedBy(root, files);
  if (loaded.size === 0) return [];
  return packages.all.flatMap((pkg): Plugin[] => {
    if (used.has(pkg)) return [];
    const dependencies = dependenciesOf(packages, pkg).filter(({ to }) => used.has(to));
    if (dependencies.length === 0) return [];
    for (const path of packages.files(pkg)) {
      const by = path.endsWith('.so') ? loaded.get(lastComponent(path)) : undefined;
      const source = by && packages.source(parentPath(by));
      const from = source && dependencies.find(({ to }) => to.source === source)?.to;
      if (by !== undefined && from) return [{ pkg, from, by }];
    }
    return [];
  });
}

/** The names of shared objects in configuration files: `extension=mysqli.so`, `load_module modules/ngx_stream.so;`. */
function loadedBy(root: FileRoot, files: Iterable<BytePath>): ReadonlyMap<string, BytePath> {
  const names = new Map<string, BytePath>();
  for (const file of files) {
    if (!file.startsWith('/etc/')) continue;
    const text = toLatin1(readIfThere(root, file, MAX_FILE_BYTES));
    for (const line of text.split('\n')) {
      if (/^\s*[#;]/.test(line)) continue;
      for (const word of line.split(/[\s="';,/]+/)) if (word.endsWith('.so')) names.set(word, file);
    }
  }
  return names;
}
