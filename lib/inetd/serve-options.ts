// Makes a ServeRequest from options of the command, or from keys of a configuration with the same names.
import type { Argument } from '../values/command-option.ts';
import { optionsOf, setKeys, type KeyedOption } from '../launch/request/option-row.ts';
import type { LaunchOption } from '../launch/request/launch-option.ts';
import { serveRows, type ServeRequest } from './serve-request.ts';

let known: readonly KeyedOption[] | undefined;

/** The options of a service with their keys: its own, and those of its launches. */
export const keyedOptions = (): readonly KeyedOption[] => (known ??= optionsOf(serveRows));

/** The same without their keys. */
export const serveOptions = (): readonly LaunchOption[] => keyedOptions().map(([, option]) => option);

/** The program of a service, its user, and its jail. */
export interface ServedProgram {
  readonly user: string;
  /** Path from / on. */
  readonly jail: Buffer;
  readonly program: Buffer;
  readonly args: readonly Buffer[];
}

/** The request that options make. @throws UsageError for a value that an option does not take */
export function toServeRequest(
  given: readonly (readonly [name: string, word: Argument])[],
  program: ServedProgram,
): ServeRequest {
  const request: Record<string, unknown> = { ...program };
  setKeys(request, given, keyedOptions());
  return request as unknown as ServeRequest;
}
