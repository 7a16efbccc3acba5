// Fails if a package of package-lock.json has a licence that is not permissive, or none. npm writes the field `license` of each
// package into that file; a package without the field is looked at in node_modules.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '..');

// SPDX identifiers of licences that ask for no more than their notice
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-3.0',
  'CC0-1.0',
  'ISC',
  'MIT',
]);
// A licence in a file without the field `license`, known by its first line.
const TITLES = new Map([['The MIT License (MIT)', 'MIT']]);

/** Whether an SPDX expression leaves a choice of which all parts are permissive. */
function isPermissive(expression) {
  const choices = expression.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return choices.some((choice) => choice.split(' AND ').every((part) => PERMISSIVE.has(part)));
}

/** The licence of an installed package that states it in a file alone. */
function licenceOfFile(place) {
  if (!existsSync(place)) return undefined;
  const name = readdirSync(place).find((entry) => /^licen[cs]e(\.md|\.txt)?$/i.test(entry));
  return name && TITLES.get(readFileSync(join(place, name), 'utf8').trimStart().split('\n')[0].trim());
}

const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
const problems = Object.entries(packages).flatMap(([place, { license, link }]) => {
  if (link) return [];
  const licence = license ?? licenceOfFile(join(repository, place));
  return licence !== undefined && isPermissive(licence)
    ? []
    : [`${place || '.'}: ${licence ?? 'no licence'}`];
});

for (const problem of problems) console.error(`check-licences: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
