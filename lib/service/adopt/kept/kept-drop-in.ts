// The drop-in of a service that runs with its kept configuration. It mounts copies in place of the files in /etc. It also contains the
// lines of the normal drop-in, so that this can be restored. Pure.

const mark = '# kept configuration:';

/** Copies of paths of the host: that of `/etc/web` lies at `directory` + `/etc/web`. */
export interface Copies {
  readonly directory: string;
  /** Duplicates of the copies that the service may write. */
  readonly writable: string;
  readonly paths: readonly string[];
}

// A line that mounts a path of the host. If systemd enters the jail, the path inside is the same.
const mount = /^(BindPaths|BindReadOnlyPaths)=(-?)(\/[^:]*)(:.*)?$/;

// A copy is read-only: changes in it would be lost when the service goes back to /etc. If the service must write there, it gets a
// duplicate of the copy. Without the copy the service must not start, because its configuration would be empty.
function withCopy(line: string, { directory, writable, paths }: Copies): readonly string[] {
  const [, setting, , path = '', place = `:${path}`] = mount.exec(line) ?? [];
  if (!paths.includes(path)) return [line];
  return [`${mark} ${line}`, `${setting}=${setting === 'BindPaths' ? writable : directory}${path}${place}`];
}

/** The paths among these that the service may write. */
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
      return lines[index - 1]?.startsWith(mark) === true ? [] : [line];
    })
    .join('\n');
}
