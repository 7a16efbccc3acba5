// Files of rules that were named and do not exist: without hosts.deny everybody is let in.

import { accessSync, constants } from 'node:fs';

import { meantPath } from '../../tree/misspelt-path.ts';
import { JailError } from '../../errors.ts';
import { fileError } from '../../values/file-error.ts';
import { errorCode } from '../../words/system-error.ts';
import { type Bytes, quote, toBuffer } from '../../words/quote.ts';
import type { FileOptions } from '../../tcpwrappers/hosts.ts';

/** The error for a file that was named and does not exist, with the name that is nearest to it. */
export function missingFile(file: Bytes): JailError {
  const path = quote(file);
  const hint = meantPath(file, 'name a file that exists');
  return new JailError(`${path} is not there`, { code: 'ENOENT', path, hint });
}

/** The default files may be missing. @throws JailError for a missing file that was named, LaunchError for one that may not be read */
export function requireNamed({ allow, deny }: FileOptions): void {
  for (const file of [allow, deny])
    if (file !== undefined)
      try {
        accessSync(toBuffer(file), constants.R_OK);
      } catch (error) {
        throw errorCode(error) === 'ENOENT' ? missingFile(file) : fileError('rules', file, error);
      }
}
