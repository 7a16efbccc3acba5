// Keeps which packages are used, how far, and why.

import type { BytePath } from '../../binary/path.ts';
import type { Extent, PackageReason } from './choice.ts';
import type { Contents } from './contents.ts';
import type { Package } from './database.ts';
import { isForDevelopment, isForLinker } from './follow.ts';

export interface Use {
  readonly pkg: Package;
  readonly extent: Extent;
  /** Its libraries are wanted although no ELF header asks for them. */
  readonly withLibraries: boolean;
  readonly reason: PackageReason;
  /** What its files go back to. */
  readonly why: BytePath | undefined;
}

export interface Uses {
  /** Takes note of a use; an extent only grows, and the first reason stays. */
  add(use: Use): void;
  /** The next use that is new or has grown. */
  next(): Use | undefined;
  all(): readonly Use[];
}

const EXTENTS: readonly Extent[] = ['programs', 'configuration', 'data', 'used', 'whole'];

export function openUses(): Uses {
  const uses = new Map<Package, Use>();
  const queue = new Set<Package>();
  return {
    add: (use) => {
      const known = uses.get(use.pkg);
      const extent = known === undefined ? use.extent : larger(known.extent, use.extent);
      const withLibraries = use.withLibraries || known?.withLibraries === true;
      if (known?.extent === extent && known.withLibraries === withLibraries) return;
      uses.set(use.pkg, { ...(known ?? use), extent, withLibraries });
      queue.add(use.pkg);
    },
    next: () => {
      for (const pkg of queue) {
        queue.delete(pkg);
        return uses.get(pkg);
      }
      return undefined;
    },
    all: () => [...uses.values()],
  };
}

function larger(a: Extent, b: Extent): Extent {
  return EXTENTS.indexOf(a) < EXTENTS.indexOf(b) ? b : a;
}

/** What belongs to a use by itself, without any of it being named. */
export function takenBy(
  { pkg, extent, withLibraries }: Use,
  { programs, helpers, scripts, libraries, development, data }: Contents,
): { readonly files: readonly BytePath[]; readonly executables: readonly BytePath[] } {
  const files = [
    ...(withLibraries || isForLinker(pkg) ? libraries : []),
    ...(isForDevelopment(pkg) ? development : []),
    ...data,
    ...scripts,
  ];
  switch (extent) {
    case 'programs':
      return { files: [], executables: [] };
    case 'configuration':
      return { files: data.filter((path) => path.startsWith('/etc/')), executables: [] };
    case 'data':
      return { files: data, executables: [] };
    case 'used':
      return { files, executables: helpers };
    case 'whole':
      return { files, executables: [...programs, ...helpers] };
    default:
      return extent satisfies never;
  }
}
