// What options of the command make of a request.
import { readArguments } from '../../../lib/bin/arguments.ts';
import { commandOptions, requestKeys } from '../../../lib/bin/uchroot-options.ts';
import type { LaunchRequest } from '../../../lib/launch/request/request.ts';

/** The keys that these words set, before they are checked. */
export function keysOfWords(...words: readonly string[]): Partial<LaunchRequest> {
  const argv = [...words, 'sam', '/srv/jail'].map((text) => ({ text, bytes: Buffer.from(text) }));
  return requestKeys(readArguments(argv, commandOptions()).options);
}
