// Reads what the builder has put into a jail, as it is now.

import { createHash } from 'node:crypto';

import { type BytePath, lastComponent, pathBytes } from '../../tree/path.ts';
import type { DirectoryRoot, OpenFile } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { lookOr } from '../../words/system-error.ts';
import { withSettled } from '../apply/settled.ts';
import { findJailDirectory } from '../host/jail-directory.ts';
import { withRegular } from '../manifest/file-hash.ts';
import { withImageErrors } from '../image/bad-image.ts';
import { LAST_S } from '../image/tar-header.ts';
import { addedByExport } from '../image/travelled.ts';
import { isConfiguration, type Manifest, type Recorded } from '../manifest/manifest.ts';
import type { JailWork } from '../request/jail-request.ts';
import { closing } from '../work/closing.ts';
import { throwIfAborted } from '../work/jail-error.ts';
import { begin, gradually, openTurns, type Turns } from '../work/steps.ts';
import {
  type Contained,
  type Contents,
  debianParts,
  type Part,
  plainText,
  withoutOwnFiles,
} from './inventory.ts';
import { installedIn, KeptTexts, systemIn } from './installed.ts';
import { languageParts } from './language-packages.ts';

export interface Reading extends Pick<JailWork, 'signal' | 'onProgress'> {
  /** Hashes files by SHA-1 too. */
  readonly withSha1?: boolean;
}

/**
 * Files that programs have made in the jail are left out, as `export` does.
 * @throws JailError ERR_NO_MANIFEST, ERR_MANIFEST, EBUSY while the jail is updated, ERR_MISSING for a jail by reference
 */
export function jailContents(directory: BytePath, reading: Reading): Promise<Contents> {
  return closing(findJailDirectory(pathBytes(directory)), (found) =>
    withSettled(found, async (jail, manifest) => {
      if (manifest.entries.some(({ reason }) => reason.how === 'mounted')) throw withoutOwnFiles(directory);
      const { parts, textAt, ...read } = await withImageErrors(directory, () =>
        readAll(jail, manifest, reading),
      );
      const paths = read.entries.map(({ path }) => path);
      return {
        ...read,
        name: plainText(lastComponent(found.path)) || '/',
        parts: [...partsOf(manifest, paths, textAt), ...parts],
        system: manifest.system ?? (manifest.recipe.image && systemIn(textAt)),
        hasDevices: true,
        newestS: newestOf(manifest),
      };
    }),
  );
}

/** A jail of an image that others made has the packages that its files say. @throws JailError ERR_MANIFEST */
export function partsOf(
  manifest: Manifest | undefined,
  paths: readonly BytePath[],
  textAt: (path: string) => Buffer | undefined,
): readonly Part[] {
  const known = manifest === undefined ? [] : debianParts(manifest);
  const isOfOthers = manifest === undefined || (manifest.recipe.image !== undefined && known.length === 0);
  return isOfOthers ? installedIn(paths, textAt) : known;
}

// As that of an image: the times of files that belong to no package differ from host to host.
export function newestOf({ entries }: Manifest): number {
  const times = entries.map(({ package: owner, mtimeMs = 0 }) => (owner === undefined ? 0 : mtimeMs));
  return Math.min(
    times.reduce((newest, time) => Math.max(newest, Math.floor(time / 1000)), 0),
    LAST_S,
  );
}

async function readAll(
  jail: DirectoryRoot,
  manifest: Manifest,
  { signal, onProgress, withSha1 = false }: Reading,
): Promise<
  Pick<Contents, 'entries' | 'parts' | 'missing' | 'unclear'> & {
    readonly textAt: (path: string) => Buffer | undefined;
  }
> {
  const [entries, missing]: [Contained[], BytePath[]] = [[], []];
  const kept = new KeptTexts<string>();
  const isAdded = addedByExport(manifest);
  const turns = openTurns();
  const whole = manifest.entries.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  let done = 0;
  for (const recorded of manifest.entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    throwIfAborted(signal);
    const { path } = recorded;
    if (isAdded(path)) continue;
    const isTold = recorded.package === undefined && recorded.kind === 'file';
    const keep = isTold ? kept.open(path, path, recorded.sizeBytes ?? 0) : undefined;
    const entry = await readEntry(jail, recorded, {
      turns,
      withSha1,
      read: (piece) => {
        throwIfAborted(signal);
        done += piece.length;
        keep?.(piece);
        onProgress?.({
          ...begin('inspect', manifest.entries.length, whole),
          files: entries.length,
          sizeBytes: Math.min(done, whole),
        });
      },
    });
    if (entry === undefined) missing.push(path);
    else entries.push(entry);
  }
  const textAt = (path: string) => kept.read(path);
  const language = await gradually(languageParts(entries, textAt), signal);
  return { entries, missing, ...language, textAt };
}

interface EntryReading {
  readonly turns: Turns;
  readonly withSha1: boolean;
  /** Gets the content of a file, in pieces. */
  readonly read: (piece: Uint8Array) => void;
}

const PIECE_BYTES = 1 << 20;

async function readEntry(
  jail: DirectoryRoot,
  recorded: Recorded,
  reading: EntryReading,
): Promise<Contained | undefined> {
  const { path, reason, package: owner } = recorded;
  const status = lookOr(undefined, () => jail.lstat(path));
  if (status === undefined) return undefined;
  const { mode, uid, gid, target } = status;
  const known = { path, mode, uid, gid, reason, package: owner };
  if (status.kind === 'file') {
    const content = await withRegular(jail, path, (file) => readContent(file, reading));
    if (content === undefined) return undefined; // it has gone since
    const isChanged = content.sha256 !== recorded.sha256 && !isConfiguration(recorded);
    return { ...known, kind: 'file', ...content, ...(isChanged && { isChanged }) };
  }
  const kind =
    status.kind === 'symlink' ? 'link' : status.kind === 'other' ? otherKind(jail, path) : status.kind;
  const isSame = kind === recorded.kind && target === recorded.target;
  return { ...known, kind, ...(target !== undefined && { target }), ...(!isSame && { isChanged: true }) };
}

function otherKind({ fd }: DirectoryRoot, path: BytePath): 'device' | 'other' {
  const { major } = lookOr({ major: undefined }, () => native.inRootLstat(fd, pathBytes(path)));
  return major === undefined ? 'other' : 'device';
}

// The size is that of the beginning: a file that grows is read only so far.
async function readContent(
  file: OpenFile,
  { turns, withSha1, read }: EntryReading,
): Promise<Pick<Contained, 'sizeBytes' | 'sha256' | 'sha1' | 'capabilities'>> {
  const [sha256, sha1] = [createHash('sha256'), withSha1 ? createHash('sha1') : undefined];
  let sizeBytes = 0;
  while (sizeBytes < file.status.sizeBytes) {
    const piece = file.read(sizeBytes, PIECE_BYTES);
    if (piece.length === 0) break;
    sha256.update(piece);
    sha1?.update(piece);
    sizeBytes += piece.length;
    read(piece);
    await turns();
  }
  const capabilities = native.fileCapabilities(file.fd);
  return {
    sizeBytes,
    sha256: sha256.digest('hex'),
    sha1: sha1?.digest('hex'),
    ...(capabilities !== undefined && { capabilities: Buffer.from(capabilities).toString('hex') }),
  };
}
