// What an image of a jail holds: the files of its manifest, and what scanners of images look for (os-release(5), dpkg's status). Pure
// but for what it reads of the jail and of the host.
import { type BytePath, bytePath, joinPath, showPath, waysTo } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { STORE } from '../manifest/layout.ts';
import { isConfiguration, type Manifest, manifestLines, type Recorded } from '../manifest/manifest.ts';
import type { Origin } from '../manifest/origin.ts';
import type { Steps } from '../work/steps.ts';
import { layersOf } from './image-layers.ts';
import { WHITEOUT } from './image-merge.ts';
import type { TarEntry } from './tar.ts';

/** An entry with its content: bytes that are made here, or the file of the jail with this hash; undefined if it may be edited. */
export interface ImageEntry {
  readonly tar: TarEntry;
  readonly content?: Iterable<string | Uint8Array>;
  readonly sha256?: string | undefined;
  readonly inode?: bigint;
  /** The file has the capabilities that it was built with. */
  readonly isPrivileged?: boolean;
}

export interface Unit {
  readonly name: BytePath;
  readonly content: Uint8Array;
}

export interface ImageSource {
  readonly jail: FileRoot;
  readonly manifest: Manifest;
  /** Content of /etc/os-release of the root that the jail was built from. */
  readonly osRelease: Uint8Array | undefined;
  /** Debian's name of the machine, such as amd64. */
  readonly architecture: string;
  /** No file is newer; in seconds since 1970. Undefined for no bound. */
  readonly epochS: number | undefined;
  /** A runtime has devices of its own, and may not make any. */
  readonly withDevices: boolean;
  /** Units of systemd, which make it a portable service. */
  readonly units: readonly Unit[];
  /** Of the image, at most. */
  readonly layers: number;
}

export interface ImageTree {
  /** Number of its regular files and their sizes, as they were built. */
  readonly files: number;
  readonly sizeBytes: number;
  /** In each of them a directory comes before its content. @throws JailError ERR_CHECK if the jail is not as built */
  readonly layers: readonly Iterable<ImageEntry>[];
}

/** What will be in the image. No object is made for a file before its turn: a jail can have a hundred thousand. */
export function* imageTree(source: ImageSource): Steps<ImageTree> {
  const { jail, manifest, withDevices } = source;
  const built = manifest.entries.filter(
    (entry) =>
      (withDevices || entry.kind !== 'device') &&
      // An administrator may remove it, as `update` allows.
      (!isConfiguration(entry) || jail.lstat(entry.path) !== undefined),
  );
  yield;
  const there = new Set(built.map(({ path }) => path));
  const files = [yield* manifestFile(source), ...ownFiles(source), ...portableFiles(source)].filter(
    ({ tar }) => !there.has(tar.path),
  );
  for (const { tar } of files) there.add(tar.path);
  const above = files.flatMap(({ tar }) => waysTo(tar.path).slice(0, -1)).filter((path) => !there.has(path));
  const directories = [...new Set(above)].map((path) => own(source, path, path === STORE ? 0o700 : 0o755));
  yield;
  const all = [...built, ...files, ...directories].toSorted((one, other) =>
    pathOf(one) < pathOf(other) ? -1 : 1,
  );
  if (!withDevices) refuseWhiteouts(all.map(pathOf));
  yield;
  const layers = yield* layersOf(all, source.layers, (one) => placed(one, source));
  const sizes = all.map((one) => ('tar' in one ? one.tar : one)).filter(({ kind }) => kind === 'file');
  return {
    files: sizes.length,
    sizeBytes: sizes.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    layers: layers.map((layer) => ({
      *[Symbol.iterator]() {
        for (const one of layer) yield 'tar' in one ? refuseOutside(one) : toEntry(one, source);
      },
    })),
  };
}

// An update replaces all packages of one source.
function placed(one: Recorded | ImageEntry, { manifest: { origins = {} }, epochS }: ImageSource) {
  const { path, kind, sizeBytes } = 'tar' in one ? one.tar : one;
  const name = 'tar' in one || kind === 'directory' || isConfiguration(one) ? undefined : one.package;
  const group = name && (Object.hasOwn(origins, name) ? origins[name]?.source : name);
  const mtimeS = 'tar' in one ? one.tar.mtimeS : timeOf(one, epochS);
  return { path, isDirectory: kind === 'directory', sizeBytes, mtimeS, group };
}

const pathOf = (one: Recorded | ImageEntry): BytePath => ('tar' in one ? one.tar.path : one.path);

function refuseWhiteouts(paths: readonly BytePath[]): void {
  const path = paths.find((one) => one.includes(`/${WHITEOUT}`));
  if (path === undefined) return;
  throw new JailError(`${showPath(path)} cannot be in an image: its name says there that a file is removed`, {
    code: 'ERR_CHECK',
    path: showPath(path),
    hint: 'uchroot-jail build DIRECTORY --without PATH leaves it out of the jail; --format squashfs keeps it',
  });
}

// A program that is the owner of the jail can write its manifest.
function refuseOutside(entry: ImageEntry): ImageEntry {
  const path = showPath(entry.tar.path);
  if (/\/\.\.?(?:\/|$)/.test(path))
    throw new JailError(`the manifest of the jail is damaged: it has ${path}`, {
      code: 'ERR_MANIFEST',
      path,
      hint: 'build the jail anew',
    });
  return entry;
}

// The time of installation differs from host to host: only files as their packages have them keep their time, and maintainer scripts
// write some below /etc. Python compares that of a module with the one in its .pyc.
function timeOf(entry: Recorded | undefined, epochS: number | undefined): number {
  const { mtimeMs } = entry === undefined ? {} : withoutTime(entry);
  if (mtimeMs === undefined) return epochS ?? 0;
  return Math.min(Math.max(Math.floor(mtimeMs / 1000), 0), epochS ?? Infinity);
}

// A file or a directory that the jail does not have.
function own(source: ImageSource, path: BytePath, mode: number, content?: Uint8Array): ImageEntry {
  const sizeBytes = content === undefined ? {} : { sizeBytes: content.length };
  const kind = content === undefined ? 'directory' : 'file';
  const tar = {
    path,
    kind,
    mode,
    uid: 0,
    gid: 0,
    mtimeS: timeOf(undefined, source.epochS),
    ...sizeBytes,
  } as const;
  return content === undefined ? { tar } : { tar, content: [content] };
}

function toEntry(entry: Recorded, source: ImageSource): ImageEntry {
  const { path, kind, mode, uid, gid, target, major, minor } = entry;
  const tar = {
    path,
    kind,
    mode,
    uid,
    gid,
    mtimeS: timeOf(entry, source.epochS),
    ...(target !== undefined && { target }),
    ...(major !== undefined && { major }),
    ...(minor !== undefined && { minor }),
  };
  if (kind !== 'file') return { tar };
  const status = source.jail.lstat(path);
  if (status?.kind !== 'file') throw changed(path);
  // An administrator may edit it.
  const isFree = isConfiguration(entry);
  const { sizeBytes, ino: inode } = status;
  if (!isFree && sizeBytes !== entry.sizeBytes) throw changed(path);
  const own = isFree ? { mode: status.mode, uid: status.uid, gid: status.gid } : {};
  return {
    tar: { ...tar, ...own, sizeBytes },
    sha256: isFree ? undefined : entry.sha256,
    inode,
    isPrivileged: entry.keepPrivileges === true,
  };
}

/** The error for a path that is not as it was built. */
export function changed(path: BytePath): JailError {
  return new JailError(`${showPath(path)} is not as it was built`, {
    code: 'ERR_CHECK',
    path: showPath(path),
    hint: 'uchroot-jail check tells what was changed, and how it is restored',
  });
}

const statuses: BytePath = bytePath('/var/lib/dpkg/status.d');

// It makes it a jail again, with the reason for each file. As text: the bytes of gzip differ from version to version. Without the
// directory that it was built from, which is this host's.
function* manifestFile(source: ImageSource): Steps<ImageEntry> {
  const { manifest } = source;
  const lines = () =>
    manifestLines({ ...manifest, recipe: { ...manifest.recipe, from: undefined } }, withoutTime);
  let sizeBytes = 0;
  for (const line of lines()) {
    sizeBytes += Buffer.byteLength(line);
    yield;
  }
  const { tar } = own(source, joinPath(STORE, bytePath('manifest.json')), 0o600, new Uint8Array());
  return { tar: { ...tar, sizeBytes }, content: { [Symbol.iterator]: lines } };
}

const withoutTime = ({ mtimeMs, ...entry }: Recorded): Recorded =>
  entry.package === undefined || mtimeMs === undefined || isConfiguration(entry)
    ? entry
    : { ...entry, mtimeMs };

function ownFiles(source: ImageSource): readonly ImageEntry[] {
  const { manifest, osRelease, architecture, jail } = source;
  const known = Object.entries(manifest.packages).map(([name, version]) => {
    const text = statusText(name, version, manifest.origins?.[name], architecture);
    return own(source, joinPath(statuses, bytePath(name)), 0o644, Buffer.from(text, 'latin1'));
  });
  const hasRelease = ['/etc/os-release', '/usr/lib/os-release'].some(
    (path) => jail.lstat(bytePath(path)) !== undefined,
  );
  if (osRelease === undefined || hasRelease) return known;
  return [...known, own(source, bytePath('/etc/os-release'), 0o644, osRelease)];
}

const UNITS: BytePath = bytePath('/usr/lib/systemd/system');

// What systemd mounts over must be there, because the image can be read-only (portablectl(1), "Profiles").
function portableFiles(source: ImageSource): readonly ImageEntry[] {
  if (source.units.length === 0) return [];
  const units = source.units.map(({ name, content }) => own(source, joinPath(UNITS, name), 0o644, content));
  const files = ['/etc/machine-id', '/etc/resolv.conf'].map((path) =>
    own(source, bytePath(path), 0o644, new Uint8Array()),
  );
  const directories = ['/proc', '/sys', '/dev', '/run', '/tmp', '/var/tmp'].map((path) =>
    own(source, bytePath(path), path.endsWith('tmp') ? 0o1777 : 0o755),
  );
  return [...units, ...files, ...directories];
}

// A paragraph as dpkg's (deb-control(5)). Vulnerabilities are listed by the source package and its version.
function statusText(fullName: string, version: string, origin: Origin | undefined, machine: string): string {
  const name = fullName.replace(/:.*$/, '');
  const of = origin?.version === version ? '' : ` (${origin?.version})`;
  return [
    `Package: ${name}`,
    'Status: install ok installed',
    `Architecture: ${origin?.architecture ?? machine}`,
    ...(origin === undefined || `${origin.source}${of}` === name ? [] : [`Source: ${origin.source}${of}`]),
    `Version: ${version}`,
    '',
  ].join('\n');
}
