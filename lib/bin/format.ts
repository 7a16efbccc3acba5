// --format: in what form a command writes its answer.

import { UsageError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quote } from '../quote.ts';
import type { Argument } from './arguments.ts';

/** What every command that answers can write. */
export const FORMATS = ['text', 'json'] as const;
/** And what one can that has findings. */
export const CHECK_FORMATS = [...FORMATS, 'sarif'] as const;

export type CheckFormat = (typeof CHECK_FORMATS)[number];

/** The value of --format, text by default. @throws UsageError for a form that the command does not know */
export function toFormat<Format extends CheckFormat>(
  value: Argument | undefined,
  formats: readonly Format[],
): Format {
  const text = value?.text ?? 'text';
  const format = formats.find((one) => one === text);
  if (format !== undefined) return format;
  const meant = nearest(text, formats);
  throw new UsageError(`--format ${quote(text)}: it is one of ${formats.join(', ')}`, {
    hint: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}
