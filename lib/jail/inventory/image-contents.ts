// Reads what an image holds: all of it, with the reasons of its manifest if it is an exported jail. Nothing is unpacked.

import { createHash, type Hash } from 'node:crypto';

import { type BytePath, isWithin, lastComponent, showPath, waysTo } from '../../tree/path.ts';
import { readStatus, originOf } from '../dpkg/package-status.ts';
import { BadImage, withImageErrors } from '../image/bad-image.ts';
import type { ImageContent, ImagePath } from '../image/image-merge.ts';
import { readImage } from '../image/read-image.ts';
import { parseTravelled, TRAVELLED } from '../image/travelled.ts';
import { isConfiguration, type Manifest, type Recorded } from '../manifest/manifest.ts';
import { isDebian, parseSystem } from '../manifest/origin.ts';
import { type Contained, type Contents, debianParts, type Part, plainText } from './inventory.ts';
import { LAST_S, newestOf, type Reading } from './jail-contents.ts';
import { languagePart, MOST_METADATA_BYTES, namesPackage } from './language-packages.ts';

const RELEASES: readonly string[] = ['/etc/os-release', '/usr/lib/os-release'];
const STATUS = '/var/lib/dpkg/status';
const STATUSES = '/var/lib/dpkg/status.d';

// What is kept in memory of all files.
const MOST_KEPT_BYTES = 256 << 20;

/** Whether a file is kept for what it says. @throws BadImage if it is too large for that, and the list of packages would lack it */
function isTold(path: BytePath, sizeBytes: number): boolean {
  if (namesPackage(path) || RELEASES.includes(path)) return sizeBytes <= MOST_METADATA_BYTES;
  if (path !== TRAVELLED && path !== STATUS && !isWithin(path, STATUSES)) return false;
  if (sizeBytes <= MOST_KEPT_BYTES) return true;
  throw new BadImage(`${showPath(path)} is larger than ${MOST_KEPT_BYTES >> 20} MB`);
}

/** @throws UsageError, JailError ERR_IMAGE as readImage; ERR_MANIFEST */
export async function imageContents(
  image: BytePath,
  { signal, withSha1 = false }: Reading,
): Promise<Contents> {
  const sha1s = new Map<number, Hash>();
  const kept = new Map<number, Buffer[]>();
  let keptSum = 0;
  const sinkFor = ({ number, sizeBytes }: ImageContent, name: BytePath) => {
    const path = `/${name.replace(/^(?:\.?\/)+/, '')}` as BytePath;
    const isKept = isTold(path, sizeBytes);
    if (!isKept && !withSha1) return undefined;
    const pieces: Buffer[] = [];
    if (isKept) kept.set(number, pieces);
    if (isKept && (keptSum += sizeBytes) > MOST_KEPT_BYTES)
      throw new BadImage(`what it says of its packages is larger than ${MOST_KEPT_BYTES >> 20} MB`);
    const sha1 = withSha1 ? createHash('sha1') : undefined;
    if (sha1 !== undefined) sha1s.set(number, sha1);
    return {
      write: (piece: Uint8Array) => {
        sha1?.update(piece);
        if (isKept) pieces.push(Buffer.from(piece));
      },
      end: () => {},
    };
  };
  return withImageErrors(image, async () => {
    const { entries: paths, config } = await readImage(image, { signal, sinkFor });
    const byPath = new Map(paths.map((entry) => [entry.path as string, entry]));
    const textAt = (path: string): Buffer | undefined => {
      const pieces = kept.get(byPath.get(path)?.content?.number ?? -1);
      return pieces && Buffer.concat(pieces);
    };
    const text = textAt(TRAVELLED);
    const manifest = text && parseTravelled(text);
    const entries = entriesOf(paths, manifest, (content) => sha1s.get(content.number)?.copy().digest('hex'));
    const [parts, unclear]: [Part[], BytePath[]] = [[], []];
    for (const { path, kind, package: owner } of entries) {
      if (kind !== 'file' || owner !== undefined || !namesPackage(path)) continue;
      const part = languagePart(path, textAt(path)?.toString() ?? '');
      if (part === undefined) unclear.push(path);
      else parts.push(part);
    }
    const release = RELEASES.map(textAt).find((one) => one !== undefined);
    const newest = paths.reduce((last, { mtimeS }) => Math.max(last, mtimeS), 0);
    return {
      // as the jail that it was exported from
      name: plainText(lastComponent(image).replace(/\.tar(?::[^:]*)?$/, '') as BytePath) || 'image',
      entries,
      parts: [...(manifest === undefined ? installed(paths, textAt) : debianParts(manifest)), ...parts],
      system: manifest?.system ?? parseSystem(release?.toString('latin1') ?? ''),
      hasDevices: config === undefined,
      newestS: manifest === undefined ? Math.min(Math.floor(newest), LAST_S) : newestOf(manifest),
      missing: missingOf(manifest, byPath, config === undefined),
      unclear,
    };
  });
}

function missingOf(
  manifest: Manifest | undefined,
  byPath: ReadonlyMap<string, ImagePath>,
  hasDevices: boolean,
): readonly BytePath[] {
  return (manifest?.entries ?? [])
    .filter((entry) => !byPath.has(entry.path) && (hasDevices || entry.kind !== 'device'))
    .map(({ path }) => path);
}

// `export` adds these, and directories for them, which hold nothing else.
function addedByExport(manifest: Manifest | undefined): (path: BytePath) => boolean {
  if (manifest === undefined) return () => false;
  const names = Object.keys(manifest.packages);
  const files = [TRAVELLED, ...RELEASES.slice(0, 1), ...names.map((name) => `${STATUSES}/${name}`)];
  const all = new Set(files.flatMap(waysTo));
  return (path) => all.has(path);
}

function entriesOf(
  paths: readonly ImagePath[],
  manifest: Manifest | undefined,
  sha1Of: (content: ImageContent) => string | undefined,
): readonly Contained[] {
  const recorded = new Map((manifest?.entries ?? []).map((entry) => [entry.path, entry]));
  const isAdded = addedByExport(manifest);
  return paths
    .filter(({ path }) => recorded.has(path) || !isAdded(path))
    .map((entry) => toContained(entry, recorded.get(entry.path), sha1Of));
}

function toContained(
  { path, kind, mode, uid, gid, content, target, xattrs }: ImagePath,
  recorded: Recorded | undefined,
  sha1Of: (content: ImageContent) => string | undefined,
): Contained {
  const capabilities = xattrs.get('security.capability');
  const known = kind === 'block-device' || kind === 'fifo' ? ('other' as const) : kind;
  const isSame =
    recorded === undefined ||
    isConfiguration(recorded) ||
    (recorded.kind === known && recorded.target === target && recorded.sha256 === content?.sha256);
  return {
    path,
    kind: known,
    mode,
    uid,
    gid,
    ...(content !== undefined && {
      sizeBytes: content.sizeBytes,
      sha256: content.sha256,
      sha1: sha1Of(content),
    }),
    ...(capabilities !== undefined && { capabilities: Buffer.from(capabilities).toString('hex') }),
    ...(target !== undefined && { target }),
    ...(recorded !== undefined && { reason: recorded.reason, package: recorded.package }),
    ...(!isSame && { isChanged: true as const }),
  };
}

/** The packages of dpkg's database, or of the files that images without dpkg have in its place. */
function installed(
  paths: readonly ImagePath[],
  textAt: (path: string) => Buffer | undefined,
): readonly Part[] {
  const single = paths
    .map(({ path }) => path)
    .filter((path) => isWithin(path, STATUSES) && !path.endsWith('.md5sums'))
    // such a file is a paragraph for an installed package, and need not say so
    .flatMap((path) => ['Status: install ok installed\n', textAt(path) ?? Buffer.alloc(0), '\n\n']);
  const whole = Buffer.concat(
    [textAt(STATUS) ?? Buffer.alloc(0), '\n\n', ...single].map((one) =>
      typeof one === 'string' ? Buffer.from(one) : one,
    ),
  );
  return readStatus(whole)
    .filter(({ name, version }) => isDebian(name, version))
    .map((pkg) => ({ type: 'deb' as const, name: pkg.name, version: pkg.version, origin: originOf(pkg) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
