// Finds what maintainer scripts and the administrator made beside the files of a package, and no package lists.

import { type BytePath, joinPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Package, Packages } from './database.ts';
import { placeOf } from './place.ts';
import { followIfThere, listIfThere, statusIfThere } from './read.ts';

const MAX_DEPTH = 8;
// What dpkg, ucf, an editor or a package manager left over (deb-conffiles(5)).
const LEFT_OVER = /~$|\.(?:dpkg|ucf)-[a-z]+$|\.bak$|\.sw[a-p]$|^\.placeholder$/;

/**
 * What maintainer scripts and the administrator made in a directory of a package: /etc/php/8.4/cli/conf.d is all links that no
 * package lists. In a directory of several sources only links to the package's own files are its. Below /usr it is what a
 * package's program looks its plugins up in (/usr/lib/x86_64-linux-gnu/graphviz/config6a), but no directory of caches.
 */
export function madeBeside(
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
 * /var/lib/texmf. Only what is root's, down to each directory: the rest is data of the service.
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
