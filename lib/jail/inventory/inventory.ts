// What a jail or an image holds: its files, with hashes and reasons, and its packages. Pure.

import { type BytePath, showPath } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { isDebian, type Origin, type System } from '../manifest/origin.ts';
import { toText } from '../manifest/path-text.ts';
import type { Reason } from '../manifest/planned-entry.ts';

/** One path, as it is now. */
export interface Contained {
  readonly path: BytePath;
  readonly kind: 'file' | 'directory' | 'link' | 'device' | 'other';
  /** Permission bits, 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file; hashes in hexadecimal. */
  readonly sizeBytes?: number;
  readonly sha256?: string;
  /** Undefined if it was not asked for. */
  readonly sha1?: string | undefined;
  /** security.capability in hexadecimal. */
  readonly capabilities?: string;
  /** Of a link. */
  readonly target?: BytePath;
  /** Its Debian package. */
  readonly package?: string | undefined;
  readonly reason?: Reason;
  /** It is not as the builder made it. */
  readonly isChanged?: true;
}

export interface Part {
  readonly type: 'deb' | 'apk' | 'npm' | 'pypi' | 'gem';
  readonly name: string;
  readonly version: string;
  /** Of a package of Debian or Alpine, if it is known. */
  readonly origin?: Origin | undefined;
  /** The file that names an npm, PyPI or Ruby package. */
  readonly metadata?: BytePath;
}

export interface Contents {
  /** The name of the jail or image. */
  readonly name: string;
  /** By path. */
  readonly entries: readonly Contained[];
  /** Packages of Debian and Alpine by name, then the others by the paths of their metadata. */
  readonly parts: readonly Part[];
  readonly system: System | undefined;
  /** False for an image: a runtime has devices of its own. */
  readonly hasDevices: boolean;
  /** Of the newest file of a package, in seconds since 1970. */
  readonly newestS: number;
  /** Paths of the manifest at which nothing is. */
  readonly missing: readonly BytePath[];
  /** Files that should name a package, and do not. */
  readonly unclear: readonly BytePath[];
}

/** The Debian packages of a manifest. @throws JailError ERR_MANIFEST: root in a writable jail can write it */
export function debianParts({ packages, origins = {} }: Manifest): readonly Part[] {
  return Object.entries(packages)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]) => {
      const origin = Object.hasOwn(origins, name) ? origins[name] : undefined;
      if (isDebian(name, version)) return { type: 'deb', name, version, origin };
      throw new JailError(`the manifest of the jail is damaged: it has package ${quote(name)}`, {
        code: 'ERR_MANIFEST',
        hint: 'build the jail anew',
      });
    });
}

/** A path as other programs can read it. A byte that is not UTF-8, and a backslash, are `\xff`: many refuse a lone surrogate. */
export function plainText(path: BytePath): string {
  return toText(path).replace(
    /[\\\udc80-\udcff]/gu,
    (one) => `\\x${((one.codePointAt(0) ?? 0) & 0xff).toString(16)}`,
  );
}

/** A file and the nearest file that needs it; undefined if it was asked for. */
export interface Need {
  readonly file: Contained;
  readonly reason: Reason;
  readonly by: Contained | undefined;
}

/** Why each file is there. Links on the way are passed. */
export function needsOf({ entries }: Contents): readonly Need[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  return entries.flatMap((file) => {
    const { kind, reason } = file;
    if (kind !== 'file' || reason === undefined) return [];
    const seen = new Set<BytePath>();
    let at = reason.by;
    while (at !== undefined && !seen.has(at) && byPath.get(at)?.kind !== 'file') {
      seen.add(at);
      at = byPath.get(at)?.reason?.by;
    }
    const by = at === undefined || at === file.path ? undefined : byPath.get(at);
    return [{ file, reason, by: by?.kind === 'file' ? by : undefined }];
  });
}

/** The error for a jail whose programs are the host's. */
export function withoutOwnFiles(directory: BytePath): JailError {
  const message = `${showPath(directory)} has no programs of its own: launches mount the host's`;
  return new JailError(message, { code: 'ERR_MISSING', hint: 'build a jail without --from-host' });
}
