// Which paths of the host show the same files as a directory with all that is mounted in it. Pure.
import { type Mount } from './mountinfo.ts';
import { type BytePath, isWithin } from './path.ts';

/** Another path of the host that a copy of the mounts beneath a path shows. */
export interface Shown {
  /** The directory of the copied path in which it is mounted; undefined for the path itself. */
  readonly point?: BytePath;
  readonly path: BytePath;
}

// All mounts of these show the host's. A proc(5) is a file system of its own at each place.
const usual: Readonly<Record<string, string>> = { proc: '/proc', sysfs: '/sys', devtmpfs: '/dev' };

const join = (directory: string, below: string): BytePath =>
  (below === '' || below === '/' ? directory : `${directory === '/' ? '' : directory}${below}`) as BytePath;

// The rest of a path below a directory, with the slash in front.
const below = (path: BytePath, directory: BytePath): string =>
  directory === '/' ? path : path.slice(directory.length);

/**
 * The other paths by which the host has what a copy of the mounts beneath `path` shows: where the same directories are mounted, the
 * directories that hold them, and those that lie in them.
 *
 * @param path absolute, and without links
 */
export function shownPaths(path: BytePath, mounts: readonly Mount[]): readonly Shown[] {
  const around = mounts.filter(({ point }) => isWithin(path, point));
  const inside = mounts.filter(({ point }) => point !== path && isWithin(point, path));
  const elsewhere = mounts.filter((one) => !inside.includes(one));
  const longest = Math.max(...around.map(({ point }) => point.length));
  const holder = around.findLast(({ point }) => point.length === longest);
  const named = ({ device, type, root }: Mount, place: string): readonly BytePath[] => {
    const file = join(root, place);
    const by = usual[type];
    return [
      ...(by === undefined ? [] : [join(by, file)]),
      ...elsewhere
        .filter((one) => one.device === device)
        .flatMap((one) => {
          if (isWithin(file, one.root)) return [join(one.point, below(file, one.root))];
          return isWithin(one.root, file) ? [one.point] : [];
        }),
    ];
  };
  const own = holder === undefined ? [] : named(holder, below(path, holder.point));
  return [
    ...own.filter((one) => one !== path).map((one) => ({ path: one })),
    ...inside.flatMap((mount) => named(mount, '').map((one) => ({ point: mount.point, path: one }))),
  ];
}
