// Sorts the files of a package, and files that were created beside them, by their purpose.

import { memoize } from '../../values/remember.ts';
import { type BytePath, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import type { Package, Packages } from './database.ts';
import { isInProgramDirectory, placeOf } from './file-place.ts';
import { followIfThere, listIfThere, statusIfThere } from './readable-files.ts';

const MAX_DEPTH = 8;
// Leftovers of dpkg, ucf, editors or package managers (deb-conffiles(5)).
const LEFT_OVER = /~$|\.(?:dpkg|ucf)-[a-z]+$|\.bak$|\.sw[a-p]$|^\.placeholder$/;

// Not the system's own records about packages.
const STATE = /^\/var\/lib\/(?!(?:dpkg|apt|ucf|systemd|pam)(?:\/|$))./;

// Files that maintainer scripts and the administrator created in a directory of a package: /etc/php/8.4/cli/conf.d has only
// links, which no package lists. In a directory of several sources, only links to the package's own files count. Below /usr
// these are indexes of plugins (/usr/lib/x86_64-linux-gnu/graphviz/config6a), but not cache directories. Below /var/lib, TeX has
// its formats in /var/lib/texmf; only files of root count there, since others are data of a service.
function openMade(
  root: FileRoot,
  packages: Packages,
): (directory: BytePath, pkg: Package) => readonly BytePath[] {
  function unlistedIn(
    directory: BytePath,
    depth = 0,
    accept: (path: BytePath) => boolean = () => true,
  ): BytePath[] {
    if (depth === MAX_DEPTH) return [];
    const paths = listIfThere(root, directory)
      .filter((name) => !LEFT_OVER.test(name))
      .map((name) => joinPath(directory, name))
      .filter((path) => !packages.isListed(path) && accept(path));
    const below = paths.filter((path) => statusIfThere(root, path)?.kind === 'directory');
    return paths.concat(below.flatMap((path) => unlistedIn(path, depth + 1, accept)));
  }
  function isOfRoot(path: BytePath): boolean {
    const { kind, uid, mode = 0 } = statusIfThere(root, path) ?? {};
    return uid !== undefined && isRootsAlone({ uid, mode: kind === 'symlink' ? 0 : mode });
  }

  return (directory, pkg) => {
    // most listed paths are files; lstat is faster than an error of list
    if (statusIfThere(root, directory)?.kind === 'file') return [];
    const isShared = packages.source(directory) === undefined;
    if (STATE.test(directory))
      return isShared || !isOfRoot(directory) ? [] : unlistedIn(directory, 0, isOfRoot);
    if (placeOf(directory) !== 'other') return [];
    if (/^\/usr\/(?:lib|share)\/./.test(directory))
      return isShared ? [] : unlistedIn(directory, MAX_DEPTH - 1);
    if (!/^\/etc\/./.test(directory)) return [];
    const isOwn = (path: BytePath) => packages.owner(followIfThere(root, path)?.path ?? path) === pkg;
    return unlistedIn(directory).filter((path) => !isShared || isOwn(path));
  };
}

/** The files and links of one package that are useful in a jail; paths with links unresolved. */
export interface Contents {
  /** Files in program directories, links of /etc/alternatives included. */
  readonly programs: readonly BytePath[];
  /** Other executable files that programs start by path: /usr/lib/gcc/…/cc1. */
  readonly helpers: readonly BytePath[];
  /** Links outside program directories to the package's own programs. */
  readonly names: readonly { readonly path: BytePath; readonly target: BytePath }[];
  /** Executable scripts that are started only by full path. */
  readonly scripts: readonly BytePath[];
  /** Libraries that the loader finds by name. */
  readonly libraries: readonly BytePath[];
  /** Headers, objects and archives. */
  readonly development: readonly BytePath[];
  /** All other files: modules, plugins, configuration, and empty directories of this package alone. */
  readonly data: readonly BytePath[];
  /** Files that are not world-readable and may contain a secret. */
  readonly withheld: readonly BytePath[];
}

const KINDS = ['programs', 'helpers', 'scripts', 'libraries', 'development', 'data', 'withheld'] as const;
type Kind = (typeof KINDS)[number];
type Sorted = Kind | { readonly programOf: BytePath };

export function openContents(root: FileRoot, packages: Packages) {
  const sort = openSorter(root, packages);
  const madeBeside = openMade(root, packages);

  /** The links to a program through /etc/alternatives: cc for gcc. */
  function alternatives(path: BytePath): readonly BytePath[] {
    return (packages.alternatives().get(path) ?? []).filter((link) => isInProgramDirectory(link));
  }
  function withAlternatives(programs: readonly BytePath[]): readonly BytePath[] {
    return programs.flatMap((path) => [path].concat(alternatives(path)));
  }

  function read(pkg: Package): Contents {
    const kinds = KINDS.map((kind) => [kind, []] as const);
    const sorted = Object.fromEntries(kinds) as unknown as Record<Kind, BytePath[]>;
    const listed = packages.files(pkg);
    const filled = new Set(listed.map(parentPath));
    const made = listed.flatMap((path) => madeBeside(path, pkg));
    const names: Contents['names'][number][] = [];
    for (const path of [...listed, ...made]) {
      const kind = sort(path, pkg, filled);
      if (kind === undefined) continue;
      if (typeof kind === 'string') sorted[kind].push(path);
      else names.push({ path, target: kind.programOf });
    }
    return { ...sorted, names, programs: withAlternatives(sorted.programs) };
  }

  return {
    contents: memoize(read),
    /** The programs according to the package's list, without reading the files: fast, for packages that may not be needed. */
    programs: memoize((pkg: Package): readonly BytePath[] =>
      withAlternatives(packages.files(pkg).filter(isInProgramDirectory)),
    ),
    alternatives,
  };
}

function openSorter(root: FileRoot, packages: Packages) {
  // Whether others can search a directory and all directories above it.
  const isOpen = memoize((directory: BytePath): boolean => {
    if (directory === '/') return true;
    const status = followIfThere(root, directory)?.status;
    return status !== undefined && (status.mode & 0o001) !== 0 && isOpen(parentPath(directory));
  });
  function isEmpty(directory: BytePath, pkg: Package, filled: ReadonlySet<BytePath>): boolean {
    if (filled.has(directory) || packages.owner(directory) !== pkg || !isOpen(directory)) return false;
    return listIfThere(root, directory).length === 0;
  }

  /** `filled` are the directories in which the package has files. */
  return (path: BytePath, pkg: Package, filled: ReadonlySet<BytePath>): Sorted | undefined => {
    const place = placeOf(path);
    const found = place === 'elsewhere' ? undefined : followIfThere(root, path);
    if (found === undefined) return undefined;
    const { status } = found;
    // programs may know only the link to a directory, as /usr/share/perl/5.40
    if (status.kind === 'directory')
      return place === 'other' && (found.path !== path || isEmpty(path, pkg, filled)) ? 'data' : undefined;
    if (status.kind !== 'file') return undefined;
    if ((status.mode & 0o004) === 0 || !isOpen(parentPath(path))) return 'withheld';
    if (place === 'program') return 'programs';
    if (place === 'library') return 'libraries';
    if (place === 'development') return 'development';
    if ((status.mode & 0o111) === 0 || /\.so(?:\.|$)/.test(path)) return 'data';
    if (isInProgramDirectory(found.path) && packages.owner(found.path) === pkg)
      return { programOf: found.path };
    return isHelper(found.path) ? 'helpers' : 'scripts';
  };
}

// A helper of a program has no suffix (Debian policy 10.4), unlike a module or CA.pl. Scripts below /usr/share are hooks and
// templates to be copied, or for other programs; one with a link in /usr/bin is found by the link. Scripts in /etc belong to
// the administrator.
function isHelper(path: BytePath): boolean {
  return (
    !/^\/(?:usr\/share|etc)\//.test(path) &&
    !/\.(?:pl|pm|py|rb|sh|cgi|js|mjs|cjs|tcl|lua|php)$/.test(lastComponent(path))
  );
}
