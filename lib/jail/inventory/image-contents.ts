// Reads what an image holds: all of it, with the reasons of its manifest if it is an exported jail. Nothing is unpacked.

import { createHash, type Hash } from 'node:crypto';

import { JailError } from '../../errors.ts';
import { type BytePath, lastComponent, showPath } from '../../tree/path.ts';
import { withImageErrors } from '../image/bad-image.ts';
import type { ImageContent, ImagePath } from '../image/image-merge.ts';
import { openJailedReader } from '../image/jailed-reader.ts';
import { readImage } from '../image/read-image.ts';
import { addedByExport, parseTravelled, TRAVELLED } from '../image/travelled.ts';
import { isConfiguration, type Manifest, type Recorded } from '../manifest/manifest.ts';
import { gradually } from '../work/steps.ts';
import { KeptTexts, systemIn } from './installed.ts';
import { type Contained, type Contents, plainText } from './inventory.ts';
import { newestOf, partsOf, type Reading } from './jail-contents.ts';
import { languageParts } from './language-packages.ts';

/** @throws UsageError, JailError ERR_IMAGE as readImage; ERR_MANIFEST */
export async function imageContents(
  image: BytePath,
  { signal, withSha1 = false }: Reading,
): Promise<Contents> {
  const sha1s = new Map<number, Hash>();
  const kept = new KeptTexts<number>([TRAVELLED]);
  const sinkFor = ({ number, sizeBytes }: ImageContent, name: BytePath) => {
    const path = `/${name.replace(/^(?:\.?\/)+/, '')}` as BytePath;
    const keep = kept.open(number, path, sizeBytes);
    if (keep === undefined && !withSha1) return undefined;
    const sha1 = withSha1 ? createHash('sha1') : undefined;
    if (sha1 !== undefined) sha1s.set(number, sha1);
    return {
      write: (piece: Uint8Array) => {
        sha1?.update(piece);
        keep?.(piece);
      },
      end: () => {},
    };
  };
  return withImageErrors(image, async () => {
    const reader = await openJailedReader(signal);
    const { entries: paths, config } = await readImage(image, { signal, sinkFor, read: reader.read }).finally(
      reader.close,
    );
    const byPath = new Map(paths.map((entry) => [entry.path as string, entry]));
    const textAt = (path: string) => kept.read(byPath.get(path)?.content?.number ?? -1);
    const text = textAt(TRAVELLED);
    const manifest = text && manifestOf(text, image);
    const entries = entriesOf(paths, manifest, (content) => sha1s.get(content.number)?.copy().digest('hex'));
    const { parts, unclear } = await gradually(languageParts(entries, textAt), signal);
    const newest = paths.reduce((last, { mtimeS }) => Math.max(last, mtimeS), 0);
    return {
      // as the jail that it was exported from
      name: plainText(lastComponent(image).replace(/\.tar(?::[^:]*)?$/, '') as BytePath) || 'image',
      entries,
      parts: [...partsOf(manifest, [...byPath.keys()] as BytePath[], textAt), ...parts],
      system: manifest?.system ?? systemIn(textAt),
      hasDevices: config === undefined,
      newestS: manifest === undefined ? newest : newestOf(manifest),
      missing: missingOf(manifest, byPath, config === undefined),
      unclear,
    };
  });
}

function manifestOf(text: Uint8Array, image: BytePath): Manifest {
  try {
    return parseTravelled(text);
  } catch (error) {
    if (!(error instanceof JailError)) throw error;
    const { code, message } = error;
    throw new JailError(`${showPath(image)}: ${message}`, { code, path: TRAVELLED, hint: 'export it again' });
  }
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

function entriesOf(
  paths: readonly ImagePath[],
  manifest: Manifest | undefined,
  sha1Of: (content: ImageContent) => string | undefined,
): readonly Contained[] {
  const recorded = new Map((manifest?.entries ?? []).map((entry) => [entry.path, entry]));
  const isAdded = addedByExport(manifest);
  return paths
    .filter(({ path }) => !isAdded(path))
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
