// Sorts what a package has on the root, and what was made beside it, by what it is for.

import { remember } from '../../binary/elf-files.ts';
import { type BytePath, joinPath, lastComponent, parentPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { readAlternatives } from './file-lists.ts';
import type { Package, Packages } from './database.ts';
import { placeOf } from './file-place.ts';
import { followIfThere, listIfThere, statusIfThere } from './read.ts';
const MAX_DEPTH = 8;
// What dpkg, ucf, an editor or a package manager left over (deb-conffiles(5)).
const LEFT_OVER = /~$|\.(?:dpkg|ucf)-[a-z]+$|\.bak$|\.sw[a-p]$|^\.placeholder$/;

/**
 * What maintainer scripts and the administrator made in a directory of a package: /etc/php/8.4/cli/conf.d is all links that no
 * package lists. In a directory of several sources only links to the package's own files are its. Below /usr it is what a
 * package's program looks its plugins up in (/usr/lib/x86_64-linux-gnu/graphviz/config6a), but no directory of caches.
 */
function madeBeside(
  root: FileRoot,
  packages: Packages,
  pkg: Package,
  directory: BytePath,
): readonly BytePath[] {
  // most that a package lists are files: to list one is an error that takes longer than a look
  if (statusIfThere(root, directory)?.kind === 'file') return [];
  if (STATE.test(directory)) return madeInState(root, packages, directory);
  if (placeOf(directory) !== 'other') return [];
  const isShared = packages.source(directory) === undefined;
  if (/^\/usr\/(?:lib|share)\/./.test(directory))
    return isShared ? [] : unlistedIn(root, packages, directory, MAX_DEPTH - 1);
  if (!/^\/etc\/./.test(directory)) return [];
  return unlistedIn(root, packages, directory).filter(
    (path) => !isShared || packages.owner(followIfThere(root, path)?.path ?? path) === pkg,
  );
}

// What the system keeps of its packages is no data of theirs.
const STATE = /^\/var\/lib\/(?!(?:dpkg|apt|ucf|systemd|pam)(?:\/|$))./;

/**
 * What a maintainer script made for the package's programs where services keep their data: the formats of TeX lie in
 * /var/lib/texmf. Only files and directories of root: all else is data of the service.
 */
function madeInState(root: FileRoot, packages: Packages, directory: BytePath): readonly BytePath[] {
  const isRoots = (path: BytePath) => {
    const status = statusIfThere(root, path);
    return (
      status !== undefined && status.uid === 0 && (status.kind === 'symlink' || (status.mode & 0o022) === 0)
    );
  };
  if (packages.source(directory) === undefined || !isRoots(directory)) return [];
  return unlistedIn(root, packages, directory, 0, isRoots);
}

function unlistedIn(
  root: FileRoot,
  packages: Packages,
  directory: BytePath,
  depth = 0,
  accept: (path: BytePath) => boolean = () => true,
): BytePath[] {
  if (depth === MAX_DEPTH) return [];
  const paths = listIfThere(root, directory)
    .filter((name) => !LEFT_OVER.test(name))
    .map((name) => joinPath(directory, name))
    .filter((path) => !packages.isListed(path) && accept(path));
  const below = paths
    .filter((path) => statusIfThere(root, path)?.kind === 'directory')
    .flatMap((path) => unlistedIn(root, packages, path, depth + 1, accept));
  return paths.concat(below);
}

/** Files and links of one package that are of use in a jail, by their own names. */
export interface Contents {
  /** In directories for programs, links of /etc/alternatives included. */
  readonly programs: readonly BytePath[];
  /** Other executable files, which programs start by their path: /usr/lib/gcc/…/cc1. */
  readonly helpers: readonly BytePath[];
  /** Links outside the directories for programs that lead to one of its own programs. */
  readonly names: readonly Name[];
  /** Executable scripts that are started only by their full path. */
  readonly scripts: readonly BytePath[];
  /** Libraries that the loader finds by name. */
  readonly libraries: readonly BytePath[];
  /** Headers, objects and archives. */
  readonly development: readonly BytePath[];
  /** All other files: modules, plugins, configuration, and empty directories that no other package has. */
  readonly data: readonly BytePath[];
  /** Files that are not world-readable and may hold a secret. */
  readonly withheld: readonly BytePath[];
}

type Kind = Exclude<keyof Contents, 'names'>;

interface Name {
  readonly path: BytePath;
  readonly target: BytePath;
}

export interface ContentsReader {
  readonly contents: (pkg: Package) => Contents;
  /** The programs according to the list alone, without a look at the files: cheap, for packages that may not be needed. */
  readonly programs: (pkg: Package) => readonly BytePath[];
  /** Links to a program by way of /etc/alternatives: cc, for gcc. */
  readonly alternatives: (path: BytePath) => readonly BytePath[];
}

export function openContents(root: FileRoot, packages: Packages): ContentsReader {
  const known = new Map<Package, Contents>();
  const isOpen = openDirectories(root);
  let links: ReturnType<typeof readAlternatives> | undefined;

  function alternatives(path: BytePath): readonly BytePath[] {
    links ??= readAlternatives(root, packages.rename);
    return (links.get(path) ?? []).filter((link) => placeOf(link) === 'program');
  }
  function withAlternatives(programs: readonly BytePath[]): readonly BytePath[] {
    return programs.flatMap((path) => [path].concat(alternatives(path)));
  }

  function read(pkg: Package): Contents {
    const sorted = {
      programs: [],
      helpers: [],
      scripts: [],
      libraries: [],
      development: [],
      data: [],
      withheld: [],
    } as {
      readonly [kind in Kind]: BytePath[];
    };
    const listed = packages.files(pkg);
    const filled = new Set(listed.map(parentPath));
    const made = listed.flatMap((path) => madeBeside(root, packages, pkg, path));
    const names: Name[] = [];
    for (const path of [...listed, ...made]) {
      const kind = sort(path, pkg, filled);
      if (kind === undefined) continue;
      if (typeof kind === 'string') sorted[kind].push(path);
      else names.push({ path, target: kind.programOf });
    }
    return { ...sorted, names, programs: withAlternatives(sorted.programs) };
  }

  // A link may be the only way to a directory that programs know: /usr/share/perl/5.40.
  function isWanted(
    directory: BytePath,
    end: BytePath,
    pkg: Package,
    filled: ReadonlySet<BytePath>,
  ): boolean {
    if (end !== directory) return true;
    if (filled.has(directory) || packages.owner(directory) !== pkg || !isOpen(directory)) return false;
    return listIfThere(root, directory).length === 0;
  }

  /** `filled` are the directories that the package has something in. */
  function sort(
    path: BytePath,
    pkg: Package,
    filled: ReadonlySet<BytePath>,
  ): Kind | { readonly programOf: BytePath } | undefined {
    const place = placeOf(path);
    if (place === 'elsewhere') return undefined;
    const found = followIfThere(root, path);
    if (found === undefined) return undefined;
    const { status } = found;
    if (status.kind === 'directory')
      return place === 'other' && isWanted(path, found.path, pkg, filled) ? 'data' : undefined;
    if (status.kind !== 'file') return undefined;
    if ((status.mode & 0o004) === 0 || !isOpen(parentPath(path))) return 'withheld';
    if (place === 'program') return 'programs';
    if (place === 'library') return 'libraries';
    if (place === 'development') return 'development';
    if ((status.mode & 0o111) === 0 || /\.so(?:\.|$)/.test(path)) return 'data';
    if (placeOf(found.path) === 'program' && packages.owner(found.path) === pkg)
      return { programOf: found.path };
    return isHelper(found.path) ? 'helpers' : 'scripts';
  }

  return {
    contents: (pkg) => remember(known, pkg, () => read(pkg)),
    programs: (pkg) => withAlternatives(packages.files(pkg).filter((path) => placeOf(path) === 'program')),
    alternatives,
  };
}

// What a program starts by itself has no suffix for people or an interpreter to know it by (Debian policy 10.4), as a
// module and CA.pl have. Below /usr/share scripts are there to be copied, as hooks and templates, or for another
// program; one that a link in /usr/bin leads to is found by the link. Those in /etc are an administrator's.
function isHelper(path: BytePath): boolean {
  return (
    !/^\/(?:usr\/share|etc)\//.test(path) &&
    !/\.(?:pl|pm|py|rb|sh|cgi|js|mjs|cjs|tcl|lua|php)$/.test(lastComponent(path))
  );
}

/** Whether everybody may search the directory and those above it. */
function openDirectories(root: FileRoot): (directory: BytePath) => boolean {
  const known = new Map<BytePath, boolean>();
  function isOpen(directory: BytePath): boolean {
    if (directory === '/') return true;
    return remember(known, directory, () => {
      const status = followIfThere(root, directory)?.status;
      return status !== undefined && (status.mode & 0o001) !== 0 && isOpen(parentPath(directory));
    });
  }
  return isOpen;
}
