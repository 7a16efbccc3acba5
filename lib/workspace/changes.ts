// What programs have changed in a workspace: the upper layer of its overlay, compared with the directory of the host
// (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
import { chmodSync, constants } from 'node:fs';

import { withOpen } from '../jail/work/closing.ts';
import { native } from '../native.ts';
import { joinPath, pathBytes, type BytePath } from '../tree/path.ts';
import { O_PATH, withFile, type DirectoryRoot, type FileStatus } from '../tree/root.ts';
import { unless } from '../words/system-error.ts';

/** The name that a commit gives to what it writes, until it is whole. One, so that the next commit finds what an interrupted one has left. */
export const temporaryName = '.uchroot-commit.new' as BytePath;

/**
 * How a path differs from the host. `left` is never committed: a fifo, socket or device, `temporaryName`, a directory with
 * a path of more than 3,839 bytes, or one that this user may not list.
 */
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

/** A change of a workspace. */
export interface WorkspaceChange {
  /** Path from the workspace on, without a slash before it. */
  readonly path: string;
  readonly change: ChangeKind;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Of a file, as the program left it. */
  readonly sizeBytes?: number;
  /** Of a link, where it leads. */
  readonly target?: string;
  /** Of the change `mode`: the permissions on the host, and those that the program has given. */
  readonly modes?: readonly [before: number, now: number];
  /** Of an added file, which discardWorkspace() does not tell: the file of the host that the program has moved there. */
  readonly from?: string;
  /** Programs of the host execute such a file: `commit` takes it by name only. */
  readonly executed?: true;
  /** The host has changed it too since the workspace began. */
  readonly conflict?: true;
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

// A program can set `user.overlay.*` itself, and an overlay of root ignores it.
const attribute = (name: 'opaque' | 'origin'): string =>
  `${process.geteuid?.() === 0 ? 'trusted' : 'user'}.overlay.${name}`;

/** Whether an entry of the layer began as one of the host. The kernel marks no copy of a file with several names, and a new file in its place is no copy. */
export const isCopy = ({ upper }: Sides, path: BytePath): boolean =>
  withOpen(upper, path, O_PATH | constants.O_NOFOLLOW, (fd) => native.hasAttribute(fd, attribute('origin')));

function withDirectory<T>(upper: DirectoryRoot, path: BytePath, access: number, use: (fd: number) => T): T {
  return withOpen(upper, path, access | constants.O_DIRECTORY | constants.O_NOFOLLOW, use);
}

// The host's entries in it are hidden.
const isOpaque = (upper: DirectoryRoot, path: BytePath): boolean =>
  path !== '/' && withDirectory(upper, path, O_PATH, (fd) => native.hasAttribute(fd, attribute('opaque')));

// The names of the host that an opaque directory hides.
function hidden({ host, upper }: Sides, directory: BytePath): readonly BytePath[] {
  if (!isOpaque(upper, directory)) return [];
  const kept = new Set(upper.list(directory));
  return (host.list(directory) ?? [])
    .filter((name) => !kept.has(name))
    .map((name) => joinPath(directory, name));
}

/** Hides each entry of opaque directories by itself, so that one of them can be shown again. */
export function spellOut(sides: Sides, directory = '/' as BytePath, isOnHost = true): void {
  const { host, upper } = sides;
  for (const name of upper.list(directory) ?? []) {
    const path = joinPath(directory, name);
    if (upper.lstat(path)?.kind === 'directory' && !isClosed(upper, path))
      spellOut(sides, path, isOnHost && host.lstat(path)?.kind === 'directory');
  }
  if (!isOpaque(upper, directory)) return;
  changingIn(upper, directory, () => {
    // what lies beneath a link of the host is not at this path
    for (const path of isOnHost ? hidden(sides, directory) : [])
      native.inRootMknod(upper.fd, pathBytes(path), characterDevice, 0, 0);
    withDirectory(upper, directory, constants.O_RDONLY, (fd) =>
      native.removeAttribute(fd, attribute('opaque')),
    );
  });
}

/**
 * Calls `use`, which changes entries of a directory of the layer. Without root its owner must be able to write to it, and a program can have
 * forbidden that.
 */
export function changingIn<T>(upper: DirectoryRoot, directory: BytePath, use: () => T): T {
  const mode = upper.lstat(directory)?.mode ?? 0o700;
  if (process.geteuid?.() === 0 || (mode & 0o700) === 0o700) return use();
  return withDirectory(upper, directory, O_PATH, (fd) => {
    const path = `/proc/self/fd/${fd}`;
    chmodSync(path, mode | 0o700);
    try {
      return use();
    } finally {
      chmodSync(path, mode);
    }
  });
}

// No call of the kernel takes a path of more than 4095 bytes (path_resolution(7)): what lies deeper cannot be named. A name has 255 bytes.
const mostPathBytes = 4095 - 256;

// What is in a directory cannot be named, or, without root, not be listed.
function isClosed(upper: DirectoryRoot, path: BytePath): boolean {
  if (path.length > mostPathBytes) return true;
  return process.geteuid?.() !== 0 && ifReadable(() => upper.list(path)) === undefined;
}

// Undefined if this user may not read it.
const ifReadable = <T>(read: () => T): T | undefined => unless(['EACCES'], read);

const partBytes = 1 << 20;

/** Whether a file of the layer has the content of one of the host; false if this user may not read them. */
export function isSameContent({ host, upper }: Sides, path: BytePath, hostPath = path): boolean {
  const answer = ifReadable(() =>
    withFile(upper, path, (now) =>
      withFile(host, hostPath, (before) => {
        for (let at = 0; ;) {
          const [one, other] = [now.read(at, partBytes), before.read(at, partBytes)];
          if (!Buffer.from(one).equals(other)) return false;
          if (one.length === 0) return true;
          at += one.length;
        }
      }),
    ),
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
  if (now.kind === 'other' || path.endsWith(`/${temporaryName}`)) return 'left';
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
    if (now.kind === 'directory' && isClosed(upper, path)) {
      yield { path, kind: 'left', now, before: undefined };
      continue;
    }
    // what lies beneath a link of the host is not at this path
    const before = isOnHost ? host.lstat(path) : undefined;
    if (now.kind === 'other' && isWhiteout(upper, path)) {
      if (before !== undefined) yield { path, kind: 'deleted', now: undefined, before };
      continue;
    }
    const kind = compare(sides, path, now, before);
    if (kind !== undefined) yield { path, kind, now, before };
    if (now.kind === 'directory' && kind !== 'left')
      yield* differences(sides, path, before?.kind === 'directory');
  }
  if (!isOnHost) return;
  for (const path of hidden(sides, directory))
    yield { path, kind: 'deleted', now: undefined, before: host.lstat(path) };
}
