// Which added file is one of the host that the program has moved: the overlay knows only a new file and a deleted one.
import { joinPath, type BytePath } from '../tree/path.ts';
import type { FileStatus } from '../tree/root.ts';
import { isSameContent, type Difference, type Sides } from './changes.ts';

// rename(2) and mv(1) keep both
const keyOf = ({ sizeBytes, mtimeMs }: FileStatus): string => `${sizeBytes} ${mtimeMs}`;

const isFile = (status: FileStatus | undefined): status is FileStatus =>
  status?.kind === 'file' && status.sizeBytes > 0;

/** By the path of an added file, the deleted file of the host with the same content and time. */
export function movesOf(sides: Sides, all: readonly Difference[]): ReadonlyMap<BytePath, BytePath> {
  const added = all.flatMap(({ path, kind, now }) =>
    kind === 'added' && isFile(now) ? [{ path, now }] : [],
  );
  const moves = new Map<BytePath, BytePath>();
  if (added.length === 0) return moves;
  const gone = new Map<string, BytePath>();
  for (const { path, kind, now, before } of all)
    if (kind === 'deleted' || (kind === 'changed' && now?.kind !== before?.kind))
      collect(sides, gone, path, before);
  for (const { path, now } of added) {
    const from = gone.get(keyOf(now));
    if (from !== undefined && isSameContent(sides, path, from)) moves.set(path, from);
  }
  return moves;
}

function collect(
  sides: Sides,
  gone: Map<string, BytePath>,
  path: BytePath,
  before: FileStatus | undefined,
): void {
  if (isFile(before)) gone.set(keyOf(before), path);
  if (before?.kind !== 'directory') return;
  for (const name of sides.host.list(path) ?? []) {
    const child = joinPath(path, name);
    collect(sides, gone, child, sides.host.lstat(child));
  }
}
