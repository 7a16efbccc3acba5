// Unpacks an image beside a jail, into a directory that nobody else can enter. The files get numbers for names, until all layers have been read and
// verified; then they get their paths, below directories that were made here. No name of an image is followed on the host.
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  mkdirSync,
  openSync,
  renameSync,
  statfsSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';

import { type BytePath, pathBytes } from '../../tree/path.ts';
import { type DirectoryRoot, openFileRoot } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { BASELINE } from '../../binary/machine.ts';
import { caller } from '../../trust/owner.ts';
import type { HashOf } from '../apply/adopted-files.ts';
import type { Host } from '../host/source-host.ts';
import { hiddenName, inRoot, openAt, openPlace } from '../host/jail-place.ts';
import { removeAbandoned, removeTree } from '../host/tree.ts';
import { readFile } from '../dpkg/readable-files.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailWork } from '../request/jail-request.ts';
import { closing } from '../work/closing.ts';
import { toJailError } from '../work/jail-error.ts';
import { begin } from '../work/steps.ts';
import { type ImagePlan, planImage } from './image-plan.ts';
import { type ImageStart, startOf } from './image-start.ts';
import { openJailedReader } from './jailed-reader.ts';
import { type ReadImage, readImage, type ReadImageOptions } from './read-image.ts';
import { parseTravelled, TRAVELLED } from './travelled.ts';

export interface UnpackedImage extends ImageStart {
  /** The unpacked files, as the root that a jail is built from. */
  readonly host: Host;
  readonly planFor: (recipe: Recipe) => ImagePlan;
  readonly hashOf: HashOf;
}

const MOST_MANIFEST_BYTES = 64 << 20;

/**
 * Unpacks an image for a jail at `directory`, and removes it after `use`.
 * @throws JailError ERR_IMAGE, ENOSPC and others; UsageError; AbortError; as `use`
 */
export async function withUnpacked<T>(
  image: BytePath,
  directory: BytePath,
  work: Pick<JailWork, 'signal' | 'onProgress'>,
  use: (unpacked: UnpackedImage) => Promise<T>,
): Promise<T> {
  const place = openPlace(directory, true);
  const temporary = hiddenName(place.name, 'image');
  try {
    await removeAbandoned(place, 'image');
    native.inRootMkdir(place.parent.fd, pathBytes(inRoot(temporary)), 0o700);
    try {
      const fd = openAt(place, temporary);
      try {
        native.lockFile(fd); // another run must not remove it as abandoned
        const unpacked = await unpack(image, fd, work);
        return await closing(unpacked.host, () => use(unpacked));
      } finally {
        closeSync(fd);
      }
    } finally {
      await removeTree(place.parent, temporary);
    }
  } catch (error) {
    throw toJailError(error, directory);
  } finally {
    // a directory that has got a jail is not empty
    place.parent.undo();
    place.parent.close();
  }
}

async function unpack(
  image: BytePath,
  fd: number,
  { signal, onProgress }: Pick<JailWork, 'signal' | 'onProgress'>,
): Promise<UnpackedImage> {
  onProgress?.(begin('plan'));
  const base = `/proc/self/fd/${fd}`;
  mkdirSync(`${base}/files`, 0o700);
  mkdirSync(`${base}/root`, 0o755);
  const { bavail, bsize } = statfsSync(base);
  const reader = await openJailedReader(signal);
  let read: ReadImage;
  let closed: Promise<void> | undefined;
  try {
    // Of the free room; the rest is for directories, the manifest and what others write. No file is there twice: the jail gets these by rename.
    const mostBytes = Math.floor(bavail * bsize * 0.9);
    read = await readImage(image, { signal, read: reader.read, sinkFor: sinksIn(base), mostBytes });
    closed = reader.close(); // the kernel takes its time to end a jail
    placeAll(read, base);
  } finally {
    await (closed ?? reader.close());
  }
  const rootFd = openSync(`${base}/root`, 'r');
  const root = openFileRoot(rootFd, caller());
  const close = (): void => closeSync(rootFd);
  const paths = read.entries;
  const hashes = new Map(paths.flatMap(({ path, content }) => (content ? [[path, content.sha256]] : [])));
  const manifest = travelled(read, root);
  return {
    ...startOf(image, read, root),
    host: { root, cpu: BASELINE, close },
    planFor: (recipe) => planImage({ paths, manifest }, recipe),
    hashOf: (path) => hashes.get(path),
  };
}

const numbered = (base: string, number: number): string => `${base}/files/${number}`;

/** So much waits for the disk. The commit waits until all is there. */
const DISK_BYTES = 8 << 20;

/** Writes each content to a file of its own. */
function sinksIn(base: string): NonNullable<ReadImageOptions['sinkFor']> {
  return ({ number }) => {
    const fd = openSync(numbered(base, number), 'wx', 0o600);
    let waitingBytes = 0;
    return {
      write: (piece) => {
        for (let rest = piece; rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
        waitingBytes += piece.length;
        if (waitingBytes < DISK_BYTES) return;
        native.beginWriting(fd);
        waitingBytes = 0;
      },
      end: () => {
        if (waitingBytes >= DISK_BYTES / 8) native.beginWriting(fd);
        // the umask does not apply
        fchmodSync(fd, 0o644);
        closeSync(fd);
      },
    };
  };
}

// No directory above a path is a link: the paths are those of a tree without links (image-merge.ts).
function placeAll({ entries }: ReadImage, base: string): void {
  const placed = new Map<number, Buffer>();
  for (const { path, kind, mode, content, target, mtimeS } of entries) {
    const place = Buffer.concat([Buffer.from(`${base}/root`), pathBytes(path)]);
    if (kind === 'directory') mkdirSync(place, 0o755);
    else if (kind === 'link') symlinkSync(pathBytes(target ?? ('' as BytePath)), place);
    if (content === undefined) continue;
    const other = placed.get(content.number);
    // files that were one get content of their own: they may have other owners in the jail later
    if (other !== undefined) copyFileSync(other, place, constants.COPYFILE_FICLONE);
    else renameSync(numbered(base, content.number), place);
    placed.set(content.number, place);
    utimesSync(place, mtimeS, mtimeS);
    if ((mode & 0o111) !== 0) chmodSync(place, 0o755);
  }
}

// A damaged one gives no reasons.
function travelled({ entries }: ReadImage, root: DirectoryRoot): Manifest | undefined {
  const { content } = entries.find(({ path }) => path === TRAVELLED) ?? {};
  if (content === undefined || content.sizeBytes > MOST_MANIFEST_BYTES) return undefined;
  const data = readFile(root, TRAVELLED);
  try {
    return data && parseTravelled(data);
  } catch {
    return undefined;
  }
}
