// Checks bills of materials against the schemas of their formats.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

import { packageDirectory } from './launch.ts';

const schemaOf = (name: string): object =>
  JSON.parse(
    gunzipSync(readFileSync(`${packageDirectory}/test/support/schema/${name}.schema.json.gz`)).toString(),
  ) as object;

function compile(name: string, ...others: readonly string[]): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats.default(ajv);
  // ajv-formats has no formats for other alphabets; our texts have none of them
  for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true);
  for (const other of others) ajv.addSchema(schemaOf(other));
  return ajv.compile(schemaOf(name));
}

const validators = new Map<string, ValidateFunction>();

/** The errors of a document by the schema of its format; none if it is valid. */
export function faultsOfBill(format: 'spdx' | 'cyclonedx', document: unknown): readonly string[] {
  const validate =
    validators.get(format) ??
    (format === 'spdx' ? compile('spdx-2.3') : compile('bom-1.6', 'spdx', 'jsf-0.82'));
  validators.set(format, validate);
  if (validate(document)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}
