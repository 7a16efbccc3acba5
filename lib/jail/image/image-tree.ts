// What an image of a jail holds: the files of its manifest, and what scanners of images look for (os-release(5), dpkg's status). Pure
// but for what it reads of the jail and of the host.
import { type BytePath, bytePath, joinPath, showPath, waysTo } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import type { Package, Packages } from '../dpkg/database.ts';
import { STORE } from '../manifest/layout.ts';
import { isConfiguration, type Manifest, manifestText, type Recorded } from '../manifest/manifest.ts';
import type { TarEntry } from './tar.ts';

/** An entry with its content: bytes that are made here, or the file of the jail with this hash; undefined if it may be edited. */
export interface ImageEntry {
  readonly tar: TarEntry;
  readonly content?: Buffer;
  readonly sha256?: string | undefined;
  readonly inode?: bigint;
  /** The file has the capabilities that it was built with. */
  readonly isPrivileged?: boolean;
}

export interface ImageSource {
  readonly jail: FileRoot;
  readonly manifest: Manifest;
  /** Those of the root that the jail was built from. */
  readonly packages: Packages | undefined;
  /** Content of its /etc/os-release. */
  readonly osRelease: Uint8Array | undefined;
  /** Debian's name of the machine, such as amd64. */
  readonly architecture: string;
  /** No file is newer; in seconds since 1970. Undefined for no bound. */
  readonly epochS: number | undefined;
  /** A runtime has devices of its own, and may not make any. */
  readonly withDevices: boolean;
}

/** Entries by path, so that a directory comes before its content. @throws JailError ERR_CHECK if the jail is not as built */
export function imageEntries(source: ImageSource): readonly ImageEntry[] {
  const { manifest, withDevices } = source;
  const wanted = manifest.entries.filter(({ kind }) => withDevices || kind !== 'device');
  const built = wanted.flatMap((entry) => toEntry(entry, source) ?? []);
  const there = new Set(built.map(({ tar }) => tar.path));
  const own = ownFiles(source).filter(({ path }) => !there.has(path));
  const above = own.flatMap(({ path }) => waysTo(path).slice(0, -1)).filter((path) => !there.has(path));
  const made = own.map(({ path, content, mode }) => ({
    tar: { ...plain(path, source), kind: 'file', mode, sizeBytes: content.length } as const,
    content,
  }));
  const directories = [...new Set(above)].map((path) => ({
    tar: { ...plain(path, source), kind: 'directory', mode: path === STORE ? 0o700 : 0o755 } as const,
  }));
  const all = [...built, ...directories, ...made];
  // A program that is the owner of the jail can write its manifest.
  const outside = all.find(({ tar }) => /\/\.\.?(?:\/|$)/.test(tar.path));
  if (outside !== undefined)
    throw new JailError(`the manifest of the jail is damaged: it has ${showPath(outside.tar.path)}`, {
      code: 'ERR_MANIFEST',
      path: showPath(outside.tar.path),
      hint: 'build the jail anew',
    });
  return all.toSorted((one, other) => (one.tar.path < other.tar.path ? -1 : 1));
}

// The time of installation differs from host to host: only files as their packages have them keep their time. Python compares that of
// a module with the one in its .pyc.
function timeOf({ package: owner, mtimeMs }: Partial<Recorded>, { epochS }: ImageSource): number {
  if (owner === undefined || mtimeMs === undefined) return epochS ?? 0;
  return Math.min(Math.max(Math.floor(mtimeMs / 1000), 0), epochS ?? Infinity);
}

const plain = (path: BytePath, source: ImageSource) => ({ path, uid: 0, gid: 0, mtimeS: timeOf({}, source) });

function toEntry(entry: Recorded, source: ImageSource): ImageEntry | undefined {
  const { path, kind, mode, uid, gid, target, major, minor } = entry;
  const tar = {
    path,
    kind,
    mode,
    uid,
    gid,
    mtimeS: timeOf(entry, source),
    ...(target !== undefined && { target }),
    ...(major !== undefined && { major }),
    ...(minor !== undefined && { minor }),
  };
  if (kind !== 'file') return { tar };
  const status = source.jail.lstat(path);
  // An administrator may edit and remove it, as `update` allows.
  const isFree = isConfiguration(entry);
  if (status?.kind !== 'file') {
    if (isFree && status === undefined) return undefined;
    throw changed(path);
  }
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
    hint: 'uchroot-jail update makes it as on the host; check shows all that was changed',
  });
}

interface OwnFile {
  readonly path: BytePath;
  readonly content: Buffer;
  readonly mode: number;
}

const statuses: BytePath = bytePath('/var/lib/dpkg/status.d');

// The manifest makes it a jail again, with the reason for each file. As text: the bytes of gzip differ from version to version.
function ownFiles({ manifest, packages, osRelease, architecture, jail }: ImageSource): readonly OwnFile[] {
  const entries = manifest.entries.map(({ mtimeMs, ...entry }) =>
    entry.package === undefined || mtimeMs === undefined ? entry : { ...entry, mtimeMs },
  );
  const known = Object.entries(manifest.packages).map(([name, version]) => {
    const found = packages?.find(name);
    const text = statusText(name, version, found?.version === version ? found : undefined, architecture);
    return { path: joinPath(statuses, bytePath(name)), content: Buffer.from(text, 'latin1'), mode: 0o644 };
  });
  const hasRelease = ['/etc/os-release', '/usr/lib/os-release'].some(
    (path) => jail.lstat(bytePath(path)) !== undefined,
  );
  return [
    {
      path: joinPath(STORE, bytePath('manifest.json')),
      content: Buffer.from(manifestText({ ...manifest, entries })),
      mode: 0o600,
    },
    ...(osRelease === undefined || hasRelease
      ? []
      : [{ path: bytePath('/etc/os-release'), content: Buffer.from(osRelease), mode: 0o644 }]),
    ...known,
  ];
}

// A paragraph as dpkg's (deb-control(5)). Vulnerabilities are listed by the source package and its version.
function statusText(name: string, version: string, known: Package | undefined, machine: string): string {
  const source = known?.sourceField ?? '';
  return [
    `Package: ${name.replace(/:.*$/, '')}`,
    'Status: install ok installed',
    `Architecture: ${known?.architecture ?? machine}`,
    ...(source === '' ? [] : [`Source: ${source}`]),
    `Version: ${version}`,
    '',
  ].join('\n');
}
