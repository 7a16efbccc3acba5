// The drop-in of a service that runs with its kept configuration: the normal one with copies mounted in place of the
// configuration in /etc. It holds the normal one too, so it can be turned back. Pure.

const mark = '# kept configuration:';

/** Copies of paths of the host: that of `/etc/web` lies at `directory` + `/etc/web`. */
export interface Copies {
  readonly directory: string;
  /** Duplicates of the copies that the service may write. */
  readonly writable: string;
  readonly paths: readonly string[];
}

// A line that mounts a path of the host. With systemd's way it appears at the same path.
const mount = /^(BindPaths|BindReadOnlyPaths)=(-?)(\/[^:]*)(:.*)?$/;

// What the service would write to a copy is lost when it goes back to /etc, so a copy is read-only, unless the service cannot do without
// writing: then it gets a duplicate. Without the copy the service must not start: it would have an empty configuration.
function withCopy(line: string, { directory, writable, paths }: Copies): readonly string[] {
  const [, setting, , path = '', place = `:${path}`] = mount.exec(line) ?? [];
  if (!paths.includes(path)) return [line];
  return [`${mark} ${line}`, `${setting}=${setting === 'BindPaths' ? writable : directory}${path}${place}`];
}

/** Those of the paths that the service may write. */
export function writtenPaths(text: string, paths: readonly string[]): readonly string[] {
  const written = new Set(
    text.split('\n').flatMap((line) => {
      const [, setting, , path = ''] = mount.exec(line) ?? [];
      return setting === 'BindPaths' ? [path] : [];
    }),
  );
  return paths.filter((path) => written.has(path));
}

/** The drop-in with copies in place of the live paths. */
export function withCopies(text: string, copies: Copies): string {
  return text
    .split('\n')
    .flatMap((line) => withCopy(line, copies))
    .join('\n');
}

/** Whether this drop-in mounts copies. */
export const hasCopies = (text: string): boolean => text.split('\n').some((line) => line.startsWith(mark));

/** Whether this drop-in mounts copies of one of these two directories. */
export const mountsFrom = (text: string, { directory, writable }: Omit<Copies, 'paths'>): boolean =>
  text.split('\n').some((line) => [directory, writable].some((from) => line.includes(`Paths=${from}/`)));

/** The drop-in with the live paths again. */
export function withLivePaths(text: string): string {
  const lines = text.split('\n');
  return lines
    .flatMap((line, index) => {
      if (line.startsWith(mark)) return [line.slice(mark.length + 1)];
      return index > 0 && lines[index - 1]?.startsWith(mark) === true ? [] : [line];
    })
    .join('\n');
}
