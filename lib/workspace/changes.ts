// What programs have changed in a workspace: the upper layer of its overlay, compared with the directory of the host
// (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
import { constants } from 'node:fs';

import { native } from '../native.ts';
import { joinPath, pathBytes, type BytePath } from '../tree/path.ts';
import { withFile, type DirectoryRoot, type FileStatus } from '../tree/root.ts';

/** How a path differs from the host. `left`: a fifo, socket or device, which is never committed. */
export type ChangeKind = 'added' | 'changed' | 'deleted' | 'mode' | 'left';

/** A path that differs. */
export interface Difference {
  /** Absolute, seen from the workspace. */
  readonly path: BytePath;
  readonly kind: ChangeKind;
  /** What the program made of it; undefined if it has deleted it. */
  readonly now: FileStatus | undefined;
  /** What the host has there; undefined if nothing. */
  readonly before: FileStatus | undefined;
}

/** The two directories. */
export interface Sides {
  readonly host: DirectoryRoot;
  readonly upper: DirectoryRoot;
}

const typeBits = 0o170000;
const characterDevice = 0o020000;

// A character device 0:0.
function isWhiteout(upper: DirectoryRoot, path: BytePath): boolean {
  const { mode, major, minor } = native.inRootLstat(upper.fd, pathBytes(path));
  return (mode & typeBits) === characterDevice && major === 0 && minor === 0;
}

const O_PATH = 0o10000000;

const opaqueNames = ['trusted.overlay.opaque', 'user.overlay.opaque'];

function withDirectory<T>(upper: DirectoryRoot, path: BytePath, access: number, use: (fd: number) => T): T {
  const fd = native.inRootOpen(
    upper.fd,
    pathBytes(path),
    access | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  );
  try {
    return use(fd);
  } finally {
    native.closeDescriptor(fd);
  }
}

// The host's entries in it are hidden.
const isOpaque = (upper: DirectoryRoot, path: BytePath): boolean =>
  path !== '/' &&
  withDirectory(upper, path, O_PATH, (fd) => opaqueNames.some((name) => native.hasAttribute(fd, name)));

// The names of the host that an opaque directory hides.
function hidden({ host, upper }: Sides, directory: BytePath): readonly BytePath[] {
  if (!isOpaque(upper, directory)) return [];
  const kept = new Set(upper.list(directory));
  return (host.list(directory) ?? [])
    .filter((name) => !kept.has(name))
    .map((name) => joinPath(directory, name));
}

/** Hides each entry of opaque directories by itself, so that one of them can be shown again. */
export function spellOut(sides: Sides, directory = '/' as BytePath): void {
  const { upper } = sides;
  for (const name of upper.list(directory) ?? []) {
    const path = joinPath(directory, name);
    if (upper.lstat(path)?.kind === 'directory') spellOut(sides, path);
  }
  if (!isOpaque(upper, directory)) return;
  for (const path of hidden(sides, directory))
    native.inRootMknod(upper.fd, pathBytes(path), characterDevice, 0, 0);
  withDirectory(upper, directory, constants.O_RDONLY, (fd) => {
    for (const name of opaqueNames) native.removeAttribute(fd, name);
  });
}

const partBytes = 1 << 20;

function isSameContent({ host, upper }: Sides, path: BytePath): boolean {
  const answer = withFile(upper, path, (now) =>
    withFile(host, path, (before) => {
      for (let at = 0; ;) {
        const [one, other] = [now.read(at, partBytes), before.read(at, partBytes)];
        if (!Buffer.from(one).equals(other)) return false;
        if (one.length === 0) return true;
        at += one.length;
      }
    }),
  );
  return answer === true;
}

const modeOf = ({ mode }: FileStatus): number => mode & 0o777;

function compare(
  sides: Sides,
  path: BytePath,
  now: FileStatus,
  before: FileStatus | undefined,
): ChangeKind | undefined {
  if (now.kind === 'other') return 'left';
  if (before === undefined) return 'added';
  if (now.kind !== before.kind) return 'changed';
  if (now.kind === 'symlink') return now.target === before.target ? undefined : 'changed';
  if (now.kind === 'file' && (now.sizeBytes !== before.sizeBytes || !isSameContent(sides, path)))
    return 'changed';
  return modeOf(now) === modeOf(before) ? undefined : 'mode';
}

/** All differences; a directory comes before what is in it. */
export function* differences(
  sides: Sides,
  directory = '/' as BytePath,
  isOnHost = true,
): Generator<Difference> {
  const { host, upper } = sides;
  const names = upper.list(directory) ?? [];
  for (const name of names) {
    const path = joinPath(directory, name);
    const now = upper.lstat(path);
    if (now === undefined) continue;
    // what lies beneath a link of the host is not at this path
    const before = isOnHost ? host.lstat(path) : undefined;
    if (now.kind === 'other' && isWhiteout(upper, path)) {
      if (before !== undefined) yield { path, kind: 'deleted', now: undefined, before };
      continue;
    }
    const kind = compare(sides, path, now, before);
    if (kind !== undefined) yield { path, kind, now, before };
    if (now.kind === 'directory') yield* differences(sides, path, before?.kind === 'directory');
  }
  if (!isOnHost) return;
  for (const path of hidden(sides, directory))
    yield { path, kind: 'deleted', now: undefined, before: host.lstat(path) };
}
