// Writes a jail to a file that other machines can use: an image for container engines, or a tar archive.
import { closeSync, fsync, lstatSync, openSync, renameSync, rmSync, statSync, write } from 'node:fs';
import { promisify } from 'node:util';

import {
  type BytePath,
  bytePath,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  toLatin1,
} from '../tree/path.ts';
import type { FileRoot } from '../tree/root.ts';
import { JailError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import { list, oneOf, optional, path, text, whole } from '../values/validators.ts';
import { usageError } from '../values/wrong.ts';
import type { Bytes } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { lookOr } from '../words/system-error.ts';
import { withSettled } from './apply/settled.ts';
import { checkWith } from './check/jail-check.ts';
import { readFile } from './dpkg/readable-files.ts';
import { absolute } from './host/given-path.ts';
import { findJailDirectory } from './host/jail-directory.ts';
import { hiddenName } from './host/jail-place.ts';
import { openHost } from './host/source-host.ts';
import { headerOf, partsOf, tarPieces, type Write, writeLayer } from './image/archive.ts';
import { type ImageFile, imageFiles, type Layer } from './image/image-layout.ts';
import { changed, type ImageTree, imageTree } from './image/image-tree.ts';
import { readUnit, refuseUnits } from './image/portable.ts';
import { writeSquashfs } from './image/squashfs.ts';
import { padding, tarEnd } from './image/tar.ts';
import type { Manifest } from './manifest/manifest.ts';
import { checkRows, type JailWork, WORK } from './request/jail-request.ts';
import { closing } from './work/closing.ts';
import { throwIfAborted, withJailErrors } from './work/jail-error.ts';
import { gradually } from './work/steps.ts';

export const EXPORT_FORMATS = ['oci', 'tar', 'squashfs'] as const;

export interface ExportRequest extends JailWork {
  /** The file to write. A regular file that is there is replaced when the new one is complete. */
  readonly file: Bytes;
  /**
   * `oci` (default): an image that podman, skopeo, containerd and `docker load` read. `tar`: the files alone, with devices. `squashfs`:
   * a file system with the same, for RootImage= of systemd; squashfs-tools make it.
   */
  readonly format?: (typeof EXPORT_FORMATS)[number] | undefined;
  /** Files of the host: units of systemd, which make an archive or a file system a portable service (portablectl(1)). */
  readonly units?: readonly Bytes[] | undefined;
  /** The name of the image, NAME:TAG. */
  readonly tag?: string | undefined;
  /**
   * The image has at most so many layers, 1…100; 1 by default. The largest source packages get a layer each, so that an update of one
   * leaves most layers as they were.
   */
  readonly layers?: number | undefined;
  /** No file in it is newer, in seconds since 1970 (SOURCE_DATE_EPOCH of reproducible-builds.org). */
  readonly newestS?: number | undefined;
  /** Findings of `checkJail` that are accepted, as its `ignore`. */
  readonly ignore?: readonly Bytes[] | undefined;
}

export interface ExportReport {
  /** Number and total size of the regular files in it. */
  readonly files: number;
  readonly sizeBytes: number;
  /** SHA-256 of each uncompressed layer, as `sha256:…`: the same for the same jail. Undefined but for `oci`. */
  readonly diffIds?: readonly string[];
  /** The digest of the image's manifest. It depends on the version of zlib in Node. */
  readonly digest?: string;
}

const format = optional(oneOf(EXPORT_FORMATS), 'oci' as const);
// Letters are small, as in the grammar of references (github.com/distribution/reference).
const tag = optional(
  text(
    'a name and a tag',
    'python:3.13',
    /^[a-z0-9]+([._/:-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/,
  ),
);
// Docker takes no more than 127.
const toLayers = optional(whole(1, 100));
const seconds = optional(whole(0, 9_999_999_999));
const toUnits = optional(
  list(path('/etc/systemd/system/web.service'), ['/etc/systemd/system/web.service']),
  [],
);

/**
 * Writes what the builder has put into a jail. The same jail gives the same archive, on every day and on every host with the same
 * packages and os-release: entries are in order, owners and modes are those of the manifest, and times are those of the packages. Files
 * that programs have made in the jail are left out; files below /etc are as they are now. It is refused if `checkJail` finds an error, and if a file is not as it was built.
 * @throws UsageError; JailError ERR_CHECK, ERR_NO_MANIFEST, ERR_MANIFEST, EBUSY while the jail is updated, EEXIST if something else than
 * a regular file is at `file`, or the code of a system error; AbortError.
 */
export async function exportJail(asked: ExportRequest): Promise<ExportReport> {
  const request = takeRequest(asked, (own) => {
    checkRows(own, WORK, ['file', 'format', 'tag', 'units', 'layers', 'newestS', 'ignore']);
    path('/srv/jail.tar')(own.file, 'file');
    seconds(own.newestS, 'newestS');
    const as = format(own.format, 'format');
    const ofImage = { tag: tag(own.tag, 'tag'), layers: toLayers(own.layers, 'layers') };
    for (const [key, value] of Object.entries(ofImage))
      if (value !== undefined && as !== 'oci')
        throw usageError(({ name, assign }) => ({
          message: `${name(key)} is for an image, and ${assign('format', as)} makes none`,
          hint: 'leave one of both out',
        }));
    refuseUnits(
      toUnits(own.units, 'units').map((unit) => absolute(unit)),
      as,
      absolute(own.file),
    );
  });
  const directory = absolute(request.directory);
  throwIfAborted(request.signal);
  return withJailErrors(
    () =>
      closing(findJailDirectory(pathBytes(directory)), (found) =>
        withSettled(found, async (jail, manifest) => {
          refuseReferences(manifest, directory);
          await refuseErrors(request, directory, manifest);
          const tree = await treeOf(jail, manifest, request);
          return writeFile(absolute(request.file), (fd) =>
            writeArchive(fd, { jail, manifest, tree }, request),
          );
        }),
      ),
    parentPath(absolute(request.file)),
  );
}

async function refuseErrors(request: ExportRequest, directory: BytePath, manifest: Manifest): Promise<void> {
  const { signal, onProgress, ignore } = request;
  const { findings } = await checkWith(
    { directory: request.directory, signal, onProgress, ignore },
    manifest,
  );
  const [worst, ...others] = findings.filter(({ severity }) => severity === 'error');
  if (worst !== undefined)
    throw new JailError(
      `${showPath(directory)} is not exported: ${worst.path}: ${worst.message}${others.length === 0 ? '' : `, and ${others.length} more errors`}`,
      {
        code: 'ERR_CHECK',
        path: worst.path,
        hint: `${commandLine('uchroot-jail', 'check', directory)}   # explains it`,
      },
    );
}

function refuseReferences({ entries }: Manifest, directory: BytePath): void {
  const mounted = entries.find(({ reason }) => reason.how === 'mounted');
  if (mounted === undefined) return;
  throw new JailError(
    `${showPath(directory)} has no files of its own in ${showPath(mounted.path)}: launches mount the host's`,
    {
      code: 'ERR_MISSING',
      path: showPath(mounted.path),
      hint: 'build a jail without --from-host, and export that one',
    },
  );
}

// Debian and Go name both machines alike.
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const architecture = architectures[process.arch] ?? process.arch;

function treeOf(
  jail: FileRoot,
  manifest: Manifest,
  { format: as = 'oci', units = [], layers = 1, newestS, signal }: ExportRequest,
): Promise<ImageTree> {
  return closing(openHost(manifest.recipe.from), async ({ root }) => {
    const source = {
      jail,
      manifest,
      osRelease: readFile(root, bytePath('/etc/os-release')),
      architecture,
      epochS: newestS,
      withDevices: as !== 'oci',
      units: units.map((unit) => readUnit(absolute(unit))),
      layers,
    };
    return gradually(imageTree(source), signal);
  });
}

interface Work {
  readonly jail: FileRoot;
  readonly manifest: Manifest;
  readonly tree: ImageTree;
}

const [writeSome, flush] = [promisify(write), promisify(fsync)];

async function writeArchive(
  fd: number,
  { jail, manifest, tree }: Work,
  request: ExportRequest,
): Promise<ExportReport> {
  const { signal, onProgress } = request;
  const written = { files: 0, sizeBytes: 0, newestS: 0 };
  const tell = () => {
    onProgress?.({
      phase: 'copy',
      files: written.files,
      totalFiles: tree.files,
      sizeBytes: written.sizeBytes,
      totalSizeBytes: tree.sizeBytes,
    });
    throwIfAborted(signal);
  };
  const append: Write = async (data) => {
    for (let at = 0; at < data.length;) at += (await writeSome(fd, data, at)).bytesWritten;
    tell();
  };
  const archives = tree.layers.map((entries) => tarPieces(jail, entries, written));
  const counts = () => ({ files: written.files, sizeBytes: written.sizeBytes });
  const [only = []] = archives;
  if (request.format === 'tar') {
    for await (const part of partsOf(only)) await append(part);
    return counts();
  }
  if (request.format === 'squashfs') {
    await writeSquashfs(watched(partsOf(only), tell), fd, request.newestS ?? 0);
    return counts();
  }
  const layers: Layer[] = [];
  for (const pieces of archives) layers.push(await writeLayer(fd, pieces, append));
  const made = imageFiles(layers, {
    architecture,
    createdS: written.newestS,
    program: manifest.recipe.programs.length === 1 ? manifest.recipe.programs[0] : undefined,
    user: userOf(jail, manifest.recipe.users[0]),
    tag: request.tag,
  });
  for (const { name, content } of made)
    await append(Buffer.concat([headerOf(name, content.length), content, padding(content.length)]));
  await append(tarEnd);
  return {
    ...counts(),
    diffIds: layers.map(({ diffId }) => `sha256:${diffId}`),
    digest: digestOf(made),
  };
}

async function* watched(parts: AsyncIterable<Uint8Array>, tell: () => void): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    tell();
    yield part;
  }
}

const digestOf = ([, manifest]: readonly ImageFile[]): string =>
  `sha256:${manifest?.name.replace(/^.*\//, '') ?? ''}`;

// As numbers: Kubernetes asks for them to know that it is not root (runAsNonRoot). An image without a user starts as root, so the
// account must be there.
function userOf(jail: FileRoot, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const accounts = bytePath('/etc/passwd');
  const lines = toLatin1(readFile(jail, accounts) ?? new Uint8Array()).split('\n');
  const [, , uid = '', gid = ''] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
  if (!/^\d+:\d+$/.test(`${uid}:${gid}`)) throw changed(accounts);
  return `${uid}:${gid}`;
}

// The file gets its name when it is complete. @throws JailError EEXIST
async function writeFile<T>(file: BytePath, fill: (fd: number) => Promise<T>): Promise<T> {
  const there = lookOr(undefined, () => lstatSync(pathBytes(file)));
  if (there !== undefined && !there.isFile())
    throw new JailError(`${showPath(file)} is there already, and is no regular file`, {
      code: 'EEXIST',
      path: showPath(file),
      hint: 'name a file that is not there',
    });
  // a missing directory is told by its name, not by that of the temporary file
  statSync(pathBytes(parentPath(file)));
  const temporary = pathBytes(joinPath(parentPath(file), hiddenName(lastComponent(file), 'export')));
  // Others may not read all of a jail.
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    const result = await fill(fd);
    await flush(fd);
    renameSync(temporary, pathBytes(file));
    return result;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
