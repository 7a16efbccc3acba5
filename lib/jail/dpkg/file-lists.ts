// Reads dpkg's lists of files, diversions and alternatives, with each path under its one name on the root.

import { remember } from '../../values/remember.ts';
import { type BytePath, bytePath, isWithin, joinPath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { listIfThere, readIfThere, statusIfThere } from './readable-files.ts';

/** The name of a path on the root: `/bin/sh` is `/usr/bin/sh` where /bin is a link into /usr. */
export type Rename = (path: BytePath) => BytePath;

// usrmerge: dpkg keeps the names in the packages, and does not know these links (hier(7), "/usr/lib").
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libo32'];
// Older than /run (file-hierarchy(7)), but packages still list them.
const MOVED: readonly (readonly [from: string, to: string])[] = [
  ['/var/run', '/run'],
  ['/var/lock', '/run/lock'],
];

/** Reads the links in the top directory of a root, which give one path several names. */
export function readAliases(root: FileRoot): Rename {
  const merged = MERGED.map((name) => [`/${name}`, `/usr/${name}`] as const).filter(([from, to]) => {
    const target = statusIfThere(root, bytePath(from))?.target;
    return target !== undefined && joinPath(bytePath('/'), target) === to;
  });
  const moved = MOVED.filter(([from]) => statusIfThere(root, bytePath(from))?.kind === 'symlink');
  const aliases = [...merged, ...moved];
  return (path) => {
    if (path.startsWith('/usr/')) return path; // nearly all paths
    const [from = '', to = ''] = aliases.find(([from]) => isWithin(path, from)) ?? [];
    return (to + path.slice(from.length)) as BytePath;
  };
}

/** The new path of a file whose path another package took (dpkg-divert(1)). */
export type Diversions = ReadonlyMap<BytePath, { readonly to: BytePath; readonly by: string }>;

/** /var/lib/dpkg/diversions has three lines each: from, to, and the package, or `:` for the administrator. */
export function readDiversions(data: Uint8Array): Diversions {
  const lines = toLatin1(data).split('\n') as BytePath[];
  const diversions = new Map<BytePath, { readonly to: BytePath; readonly by: string }>();
  for (let at = 0; at + 2 < lines.length; at += 3) {
    const [from, to, by] = lines.slice(at, at + 3);
    if (from !== undefined && to !== undefined && by !== undefined && isPlain(from) && isPlain(to))
      diversions.set(from, { to, by });
  }
  return diversions;
}

/** /var/lib/ucf/registry: each line has a package and a file of /etc that its maintainer script created (ucfr(1)). */
export function readRegistry(data: Uint8Array): ReadonlyMap<string, readonly BytePath[]> {
  const files = new Map<string, BytePath[]>();
  for (const line of toLatin1(data).split('\n')) {
    const [name = '', path = ''] = line.split(/[ \t]+/);
    if (isPlain(path)) remember(files, name, () => []).push(path as BytePath);
  }
  return files;
}

/** The paths of a package's .list on the root; a package's own diversions do not move its files. */
export function readList(
  data: Uint8Array,
  packageName: string,
  diversions: Diversions,
  rename: Rename,
): readonly BytePath[] {
  const text = toLatin1(data);
  // `/.` stands for the root itself
  const body = text.startsWith(ROOT_LINE) ? text.slice(ROOT_LINE.length) : text;
  const lines = body.split('\n') as BytePath[];
  const paths = ODD.test(`\n${body}`) ? lines.filter(isPlain) : lines.slice(0, -1);
  const isMoved = MOVED_LINE.test(text);
  if (!isMoved && !paths.some((path) => diversions.has(path))) return paths;
  return paths.map((path) => {
    const diversion = diversions.get(path);
    return rename(diversion === undefined || diversion.by === packageName ? path : diversion.to);
  });
}

const ROOT_LINE = '/.\n';
// Finds in a whole list what isPlain refuses: much faster than checking each line, and rarely there.
const ODD = /\0|\/\/|\/\n|\/\.\.?[/\n]|\n[^/]|[^\n]$/;
// Finds in a whole list what Rename may change.
const MOVED_LINE = /^\/(?:s?bin|lib\w*|var\/(?:run|lock))(?:\/|$)/m;

// The root may be hostile, so a path must not contain parts that lead elsewhere.
const isPlain = (path: string): boolean => /^(?:\/(?!\.\.?(?:\/|$))[^/\0]+)+$/.test(path);

// The links in one file of /var/lib/dpkg/alternatives, each with its name below /etc/alternatives: the status, the main link,
// names and links of the slaves up to an empty line, then the choices (update-alternatives(1), "FILES").
function readAlternative(
  data: Uint8Array,
  main: BytePath,
): readonly (readonly [name: BytePath, link: BytePath])[] {
  const lines = [main, ...(toLatin1(data).split('\n').slice(1) as BytePath[])];
  const links: (readonly [BytePath, BytePath])[] = [];
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [name, link] = lines.slice(at, at + 2);
    if (name === undefined || name === '' || !link?.startsWith('/')) break;
    links.push([name, link]);
  }
  return links;
}

/** All links that lead to each chosen file through /etc/alternatives. */
export function readAlternatives(root: FileRoot, rename: Rename): ReadonlyMap<BytePath, readonly BytePath[]> {
  const links = new Map<BytePath, BytePath[]>();
  const directory = bytePath('/var/lib/dpkg/alternatives');
  for (const file of listIfThere(root, directory))
    for (const [name, link] of readAlternative(readIfThere(root, joinPath(directory, file)), file)) {
      const target = statusIfThere(root, joinPath(bytePath('/etc/alternatives'), name))?.target;
      if (target !== undefined) remember(links, rename(target), () => []).push(rename(link));
    }
  return links;
}
