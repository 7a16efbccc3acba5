// Writes a bill of materials of a jail (SBOM): its packages and files, and why each file is there.

import { takeRequest } from '../values/keys.ts';
import { oneOf, whole, optional } from '../values/validators.ts';
import { printedJson } from '../words/json.ts';
import type { Bytes } from '../words/quote.ts';
import { readVersion } from '../version.ts';
import { absolute } from './host/given-path.ts';
import { cycloneDxDocument } from './inventory/cyclonedx.ts';
import { namedContents } from './inventory/named-contents.ts';
import { spdxDocument } from './inventory/spdx.ts';
import { toText } from './manifest/path-text.ts';
import { checkRows, type JailWork, WORK } from './request/jail-request.ts';
import { withJailErrors } from './work/jail-error.ts';

export const BILL_FORMATS = ['spdx', 'cyclonedx'] as const;

export interface BillRequest extends JailWork {
  /** The jail; or an image as PATH[:TAG]. */
  readonly directory: Bytes;
  /** `spdx` (default): SPDX 2.3; `cyclonedx`: CycloneDX 1.6. Both as JSON. */
  readonly format?: (typeof BILL_FORMATS)[number] | undefined;
  /** The time of the document, in seconds since 1970; by default that of the newest file of a package. */
  readonly createdS?: number | undefined;
}

export interface BillReport {
  /** The document, ASCII. The same jail gives the same text. */
  readonly text: string;
  /** Paths that are not as the builder made them, and are described as they are now; and those that are gone. */
  readonly changed: readonly string[];
  readonly missing: readonly string[];
  /** Files that should name a package of npm, PyPI or RubyGems, and do not. */
  readonly unclear: readonly string[];
}

const format = optional(oneOf(BILL_FORMATS), 'spdx' as const);
const seconds = optional(whole(0, 9_999_999_999));

/**
 * Describes what the builder has put into a jail, as it is now, or all that an image holds. Nothing is executed.
 * @throws UsageError; JailError ENOENT, ERR_NO_MANIFEST, ERR_MANIFEST, EBUSY while the jail is updated, ERR_MISSING for a jail by
 * reference, ERR_IMAGE for a damaged image, or the code of a system error; AbortError.
 */
export async function describeJail(asked: BillRequest): Promise<BillReport> {
  const request = takeRequest(asked, (own) => {
    checkRows(own, WORK, ['format', 'createdS']);
    format(own.format, 'format');
    seconds(own.createdS, 'createdS');
  });
  const { signal, onProgress, createdS, format: wanted } = request;
  const directory = absolute(request.directory);
  const isSpdx = wanted !== 'cyclonedx';
  const contents = await withJailErrors(() =>
    namedContents(directory, { signal, onProgress, withSha1: isSpdx }),
  );
  const created = new Date((createdS ?? contents.newestS) * 1000).toISOString().replace('.000Z', 'Z');
  const made = { created, version: readVersion() };
  const document = isSpdx ? spdxDocument(contents, made) : cycloneDxDocument(contents, made);
  return {
    text: printedJson(document),
    changed: contents.entries.filter(({ isChanged }) => isChanged).map(({ path }) => toText(path)),
    missing: contents.missing.map(toText),
    unclear: contents.unclear.map(toText),
  };
}
