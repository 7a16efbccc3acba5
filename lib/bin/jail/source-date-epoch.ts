// The time that a file gets which must be the same on every day.

import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';

/** SOURCE_DATE_EPOCH in seconds since 1970 (reproducible-builds.org/specs/source-date-epoch). @throws UsageError */
export function sourceDateEpoch(): number | undefined {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (!/^[0-9]{1,10}$/.test(text))
    throw new UsageError(`SOURCE_DATE_EPOCH=${quote(text)} is no number of seconds since 1970`, {
      hint: 'SOURCE_DATE_EPOCH=$(date +%s)',
    });
  return Number(text);
}
