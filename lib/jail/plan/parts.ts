// Adds the parts of packs to a selection.

import { type BytePath, joinPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import type { Reason } from '../manifest/planned-entry.ts';
import { expandPath } from '../packs/expand.ts';
import type { Part } from '../packs/pack.ts';
import type { Selection } from './selection.ts';

/** Takes files of Debian packages. */
export interface PackageTaker {
  /** The files of an installed package; nothing if it is not installed. */
  take(name: string, by: BytePath | undefined): void;
}

export interface PartContext {
  /** The name of the pack, and the file that made it necessary. */
  readonly pack: string;
  readonly trigger: BytePath | undefined;
  readonly libraryDirectories: readonly BytePath[];
  readonly packages: PackageTaker;
}

/** The function returned adds a part, and says whether it was not added before and there is something of it. */
export function openParts(
  root: FileRoot,
  selection: Selection,
): (part: Part, context: PartContext) => boolean {
  const done = new Set<string>();

  function isNew(...key: readonly (string | undefined)[]): boolean {
    const text = key.join('\0');
    if (done.has(text)) return false;
    done.add(text);
    return true;
  }

  function addDirectory(part: Extract<Part, { directory: string }>, reason: Reason): void {
    const { mode, uid, gid } = part;
    const directory = part.directory as BytePath;
    const way = walk(root, directory);
    const isThere = way.kind === 'found' && way.status.kind === 'directory';
    const path = isThere ? way.path : directory;
    selection.add({
      kind: 'directory',
      path,
      mode,
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      reason,
    });
    // the links on the way: /home -> /srv/home
    if (path !== directory) selection.addPath(directory, reason);
  }

  function addWritten(part: Extract<Part, { file: string }>, reason: Reason): void {
    const { content, mode = 0o644 } = part;
    const data = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    selection.add({ kind: 'data', path: part.file as BytePath, data, mode, reason });
  }

  // What belongs to two packs counts for both, and keeps its first reason.
  return (part, { pack, trigger, libraryDirectories, packages }) => {
    const expand = (pattern: string) => expandPath(root, pattern, libraryDirectories);
    const by = part.by ?? trigger;
    const reason: Reason = { how: 'pack', as: pack, ...(by !== undefined && { by }) };
    if ('package' in part) {
      if (!isNew(pack, 'package', part.package)) return false;
      packages.take(part.package, by);
    } else if ('program' in part) {
      const path = findProgram(root, part.program);
      return path !== undefined && isNew(pack, path) && selection.addPath(path, reason) !== undefined;
    } else if ('file' in part) {
      if (!isNew(pack, part.file)) return false;
      addWritten(part, reason);
    } else if ('directory' in part) {
      if (!isNew(pack, part.directory)) return false;
      addDirectory(part, reason);
    } else if ('link' in part) {
      if (!isNew(pack, part.link)) return false;
      const [path, target] = [part.link as BytePath, part.target as BytePath];
      selection.add({ kind: 'link', path, target, reason });
    } else if ('device' in part) {
      const { device, mode, major, minor } = part;
      if (!isNew(pack, device)) return false;
      selection.add({ kind: 'device', path: device as BytePath, mode, major, minor, reason });
    } else if ('tree' in part) {
      const { tree, except } = part;
      const accept = except === undefined ? undefined : (path: BytePath) => !except.test(path);
      return expand(tree)
        .filter((path) => isNew(pack, path, 'tree', except?.source))
        .map((path) => selection.addTree(path, reason, accept))
        .some((path) => path !== undefined);
    } else
      return expand(part.path)
        .filter((path) => isNew(pack, path))
        .map((path) => selection.addPath(path, reason))
        .some((path) => path !== undefined);
    return true;
  };
}

const DIRECTORIES = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'] as BytePath[];

function findProgram(root: FileRoot, name: string): BytePath | undefined {
  return DIRECTORIES.map((directory) => joinPath(directory, name as BytePath)).find(
    (path) => walk(root, path).kind === 'found',
  );
}
