// A service as a configuration file describes it, whatever its language. Its settings have the names of the command's options.
import { basename } from 'node:path';

import { UsageError } from '../../errors.ts';
import { inOptions } from '../../launch/request/option-row.ts';
import { errorAt, type ConfiguredOption } from '../../values/toml-options.ts';
import { inWords, usageError } from '../../values/wrong.ts';
import { quote } from '../../words/quote.ts';
import { keyedOptions, serveOptions, toServeRequest } from '../serve-options.ts';
import { normalizeServe, serveRows, type ServiceSettings } from '../serve-request.ts';

export interface ConfiguredService {
  readonly name: string;
  readonly file: string;
  readonly line: number | undefined;
  readonly user: string;
  readonly directory: string;
  readonly program: string;
  readonly arguments: readonly string[];
  readonly options: readonly ConfiguredOption[];
  /** Names of options that the file sets to false, so that a default of the command does not apply. */
  readonly off?: readonly string[];
}

/** A setting of a file that cannot be carried over. If the service would then let in more clients, or do less, it is left out. */
export interface NotCarried {
  readonly file: string;
  readonly line: number;
  /** With the remedy behind it. */
  readonly message: string;
  readonly remedy: string | undefined;
  /** The name of the service that is left out because of it. */
  readonly leftOut: string | undefined;
}

/** Why something is not carried over, and what to write in its place. */
export interface Loss {
  readonly why: string;
  readonly remedy?: string;
}

export function notCarried(
  { file, line }: Pick<NotCarried, 'file' | 'line'>,
  { why, remedy }: Loss,
  leftOut?: string,
): NotCarried {
  return { file, line, message: remedy === undefined ? why : `${why}: ${remedy}`, remedy, leftOut };
}

export interface ConfiguredServices {
  readonly services: readonly ConfiguredService[];
  readonly notCarried: readonly NotCarried[];
  /** Names of services that the file itself has turned off. */
  readonly disabled?: readonly string[];
}

type Place = Pick<ConfiguredService, 'line'> & { readonly file?: string };

// The place of the key that an error is about.
function placeOfKey({ options, line }: ConfiguredService, path = ''): Place {
  const [key = ''] = path.split(/[[.]/, 1);
  const names = new Set((serveRows[key]?.options?.() ?? []).map(({ name }) => name));
  const found = options.findLast(({ name }) => names.has(name));
  return found?.line === undefined ? { line } : found;
}

/** Why a service is left out: `uchroot-tcpd run` in its file has an option that no service has here. */
export function findLost({ name, file, line = 1, options }: ConfiguredService): NotCarried | undefined {
  const known = new Set(serveOptions().map((option) => option.name));
  const lost = options.find((option) => !known.has(option.name));
  if (lost === undefined) return undefined;
  const why = `${quote(`--${lost.name}`)} of uchroot-tcpd run is not carried over`;
  return notCarried({ file: lost.file ?? file, line: lost.line ?? line }, { why }, name);
}

/** @throws UsageError with the place of what is wrong */
export function toSettings(service: ConfiguredService): ServiceSettings {
  const { file, options, user, directory, program, arguments: args } = service;
  const request = {
    user,
    jail: Buffer.from(directory),
    program: Buffer.from(program),
    args: args.map((arg) => Buffer.from(arg)),
  };
  let at: ConfiguredOption | undefined;
  try {
    for (const option of options) {
      at = option;
      toServeRequest([[option.name, option.word]], request);
    }
    at = undefined;
    const settings = normalizeServe(
      toServeRequest(
        options.map(({ name, word }) => [name, word] as const),
        request,
      ),
    );
    const daemon = options.find(({ name }) => name === 'daemon');
    // its only use is the name in the rules
    if (settings.wait && daemon !== undefined)
      throw usageError(
        ({ name }) => ({
          message: `${name('daemon')} has no effect: with wait no rule is asked here`,
          hint: 'leave it out; the program asks the rules by a name of its own',
        }),
        { key: 'daemon', value: daemon.word.text, expected: 'left out' },
      );
    return settings;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const place = at?.line === undefined ? placeOfKey(service, error.key) : at;
    const naming = inOptions(keyedOptions(), '');
    const { message, hint } = inWords(error, naming);
    const isUseless = error.expected === 'left out' && error.key !== undefined;
    const back = isUseless ? `; ${naming.name(error.key)} = false takes back a default` : '';
    throw errorAt(place.file ?? file, place.line, message, hint && `${hint}${back}`);
  }
}

/** The name of a service with the characters that names have in TOML. */
export function toServiceName(text: string): string {
  return text.replace(/[^\w.@+-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'service';
}

/** The name of a service without one: its program's. */
export const nameOf = (program: string): string => basename(program);
