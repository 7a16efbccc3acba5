// The packages that a root directory has by its own databases: those of dpkg and apk, and the files that images without dpkg have in their
// place. Anybody can have written them. Pure.
import { type BytePath, isWithin, showPath } from '../../tree/path.ts';
import { originOf, readStatus } from '../dpkg/package-status.ts';
import { BadImage } from '../image/bad-image.ts';
import { isDebian, parseSystem, type System } from '../manifest/origin.ts';
import type { Part } from './inventory.ts';
import { MOST_METADATA_BYTES, namesPackage } from './language-packages.ts';

const RELEASES: readonly string[] = ['/etc/os-release', '/usr/lib/os-release'];
const STATUS = '/var/lib/dpkg/status';
const STATUSES = '/var/lib/dpkg/status.d';
const APK: readonly string[] = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];

// What is kept in memory of all files.
const MOST_KEPT_BYTES = 256 << 20;

/** Keeps what files say of packages and the system. @param more further paths to keep */
export class KeptTexts<Key> {
  readonly #texts = new Map<Key, Buffer[]>();
  readonly #more: readonly string[];
  #sum = 0;

  constructor(more: readonly string[] = []) {
    this.#more = more;
  }

  /** Takes the text of a file, up to this size; undefined if it tells nothing. @throws BadImage if the list of packages would lack it */
  open(key: Key, path: BytePath, sizeBytes: number): ((piece: Uint8Array) => void) | undefined {
    if (namesPackage(path) || RELEASES.includes(path)) {
      if (sizeBytes > MOST_METADATA_BYTES) return undefined;
    } else if (![STATUS, ...APK, ...this.#more].includes(path) && !isWithin(path, STATUSES)) return undefined;
    if (sizeBytes > MOST_KEPT_BYTES)
      throw new BadImage(`${showPath(path)} is larger than ${MOST_KEPT_BYTES >> 20} MB`);
    if ((this.#sum += sizeBytes) > MOST_KEPT_BYTES)
      throw new BadImage(`what it says of its packages is larger than ${MOST_KEPT_BYTES >> 20} MB`);
    const pieces: Buffer[] = [];
    let leftBytes = sizeBytes;
    this.#texts.set(key, pieces);
    return (piece) => {
      if (leftBytes > 0) pieces.push(Buffer.from(piece.subarray(0, leftBytes)));
      leftBytes -= piece.length;
    };
  }

  read(key: Key): Buffer | undefined {
    const pieces = this.#texts.get(key);
    return pieces && Buffer.concat(pieces);
  }
}

type TextAt = (path: string) => Buffer | undefined;

export function systemIn(textAt: TextAt): System | undefined {
  const release = RELEASES.map(textAt).find((one) => one !== undefined);
  return parseSystem(release?.toString('latin1') ?? '');
}

const byName = (a: Part, b: Part) => (a.name < b.name ? -1 : 1);

/** @param paths all files */
export function installedIn(paths: readonly BytePath[], textAt: TextAt): readonly Part[] {
  const single = paths
    .filter((path) => isWithin(path, STATUSES) && !path.endsWith('.md5sums'))
    // such a file is a paragraph for an installed package, and need not say so
    .flatMap((path) => ['Status: install ok installed\n', textAt(path) ?? '', '\n\n']);
  const whole = [textAt(STATUS) ?? '', '\n\n', ...single].map((one) => Buffer.from(one));
  const debian = readStatus(Buffer.concat(whole))
    .filter(({ name, version }) => isDebian(name, version))
    .map((pkg) => ({ type: 'deb' as const, name: pkg.name, version: pkg.version, origin: originOf(pkg) }));
  return [...debian.toSorted(byName), ...APK.flatMap((path) => readApk(textAt(path))).toSorted(byName)];
}

// A paragraph a package, and a letter a field (wiki.alpinelinux.org, "Apk spec", "Installed Database V2").
function readApk(data: Buffer | undefined): readonly Part[] {
  return (data?.toString('latin1') ?? '').split('\n\n').flatMap((paragraph): readonly Part[] => {
    const field = (letter: string) => new RegExp(`^${letter}:([\\w.+~:-]{1,256})$`, 'm').exec(paragraph)?.[1];
    const [name, version, architecture, source] = ['P', 'V', 'A', 'o'].map(field);
    if (name === undefined || version === undefined || architecture === undefined) return [];
    return [{ type: 'apk', name, version, origin: { source: source ?? name, version, architecture } }];
  });
}
