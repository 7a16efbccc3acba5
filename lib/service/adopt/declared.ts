// The files in which services are declared: which ones are adopted, and with which options.
import { readdirSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { wayTo } from '../../launch/host/host-ways.ts';
import { inOptions } from '../../launch/request/option-row.ts';
import { bytePath, showPath } from '../../tree/path.ts';
import { judgeWay, remedyOf } from '../../trust/way.ts';
import { fileError } from '../../values/file-error.ts';
import { readRegularFile } from '../../values/regular-file.ts';
import { errorAt, optionProperties, TomlFile, type Vocabulary } from '../../values/toml-options.ts';
import { inWords } from '../../values/wrong.ts';
import { commandLine } from '../../words/shell-word.ts';
import { unless } from '../../words/system-error.ts';
import { adoptOptions, type AdoptOption, keyedOptions, takesSeveral, toChoices } from './adopt-options.ts';
import { type AdoptRequest, optionsOf } from './service-request.ts';

/** Where they lie. */
const declaredIn = '/etc/uchroot/services.d';

const suffix = '.toml';
const mostBytes = 2 ** 20;

/** The file of a service, if it has one. */
export const declaredAs = (unit: string): string =>
  `${declaredIn}/${unit.replace(/\.service$/, '')}${suffix}`;

// Whoever can write there decides what root gives to a service, up to the whole host. @throws UsageError
function refuseStrangers(path: string): void {
  const [finding] = judgeWay({ ...wayTo(bytePath(path)), endsInEntry: false }, []);
  if (finding === undefined) return;
  const place = showPath(bytePath(Buffer.from(finding.component.path)));
  throw new UsageError(`only root may declare services: ${place} ${finding.how}`, {
    hint: remedyOf(finding, place),
  });
}

/**
 * All files with their names, in order. Those of editors and package managers do not count.
 * @throws UsageError without the directory, or if others can write to it; LaunchError if it cannot be read
 */
export function declaredFiles(): readonly { readonly file: string; readonly name: string }[] {
  let names: readonly string[] | undefined;
  try {
    names = unless(['ENOENT'], () => readdirSync(declaredIn));
  } catch (error) {
    throw fileError('the declarations', declaredIn, error);
  }
  if (names === undefined)
    throw new UsageError(`there is no ${declaredIn}, where the services are declared`, {
      hint: commandLine('mkdir', '-p', declaredIn),
    });
  refuseStrangers(declaredIn);
  return names
    .filter((name) => name.endsWith(suffix) && !name.startsWith('.'))
    .toSorted()
    .map((name) => ({ file: `${declaredIn}/${name}`, name: name.slice(0, -suffix.length) }));
}

const others: Readonly<Record<string, string>> = {
  services: 'a file is about one service: write its options without a table, such as ro-bind = ["/srv/site"]',
  unit: `the name of the file names the service: ${declaredIn}/nginx.toml`,
};

const vocabulary: Vocabulary<AdoptOption> = {
  options: adoptOptions,
  others: [],
  takesSeveral,
  hint: (key) => {
    if (Object.hasOwn(others, key)) return others[key];
    const [, option] = keyedOptions().find(([one]) => one === key) ?? [];
    return option && `write ${option.name}`;
  },
};

/** The keys of a request that a text declares. @throws UsageError with the line of what is wrong */
export function readDeclared(file: string, text: string): Omit<AdoptRequest, 'unit'> {
  const toml = new TomlFile(file, text, 'KEY = VALUE');
  const options = toml.options([], toml.document, vocabulary);
  for (const { name, word, line } of options)
    try {
      optionsOf({ unit: '', ...toChoices([[name, word]]) });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const { message, hint } = inWords(error, inOptions(keyedOptions(), ''));
      throw errorAt(file, line, message, hint);
    }
  return toChoices(options.map(({ name, word }) => [name, word]));
}

/** The same of the file itself. @throws also UsageError if others can write it; LaunchError if it cannot be read */
export function readDeclaredFile(file: string): Omit<AdoptRequest, 'unit'> {
  refuseStrangers(file);
  return readDeclared(file, readRegularFile('the declaration', file, mostBytes).toString());
}

/** The JSON schema of a file. */
export const declaredSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A service that uchroot-service apply adopts',
  type: 'object',
  properties: optionProperties(adoptOptions),
  additionalProperties: false,
});
