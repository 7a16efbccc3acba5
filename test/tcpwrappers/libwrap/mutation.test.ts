// The differential test finds mistakes: each that is planted in a copy of the compiled sources.
//   UCHROOT_SEED  repeats a run
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t, { type Test } from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import { openOracle, unlessLibwrap } from '../../support/tcpwrappers-oracle.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { type Case, Comparison, type Observer, pairUp } from '../../support/tcpwrappers/libwrap/compare.ts';
import { makeSet } from '../../support/tcpwrappers/libwrap/generate.ts';
import { type Mutation, mutations } from '../../support/tcpwrappers/libwrap/mutations.ts';
import * as sources from '../../support/tcpwrappers/libwrap/observe.ts';

const compiled = join(import.meta.dirname, '../../..');
/** Requests within which each has to be found: less than the differential test makes. */
const SETS = 4000;
const REQUESTS = 10;

/** A copy of the compiled sources in which `change` has been made to a file. */
function plant(directory: string, [name, file, from, to]: Mutation): string {
  const copy = join(directory, name.replace(/[^a-zA-Z0-9]+/g, '-'));
  mkdirSync(join(copy, 'test/support/tcpwrappers/libwrap'), { recursive: true });
  for (const path of [
    'lib/tcpwrappers',
    'lib/mistakes',
    'lib/values',
    'lib/words',
    ...readdirSync(join(compiled, 'lib'))
      .filter((name) => name.endsWith('.js'))
      .map((name) => `lib/${name}`),
    'test/support/resolve-now.js',
    'test/support/tcpwrappers/libwrap/observe.js',
  ])
    cpSync(join(compiled, path), join(copy, path), { recursive: true });
  const path = join(copy, `lib/tcpwrappers/${file}.js`);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`"${from}" occurs ${parts.length - 1} times in ${file}.js`);
  writeFileSync(path, parts.join(to));
  return join(copy, 'test/support/tcpwrappers/libwrap/observe.js');
}

/** How many requests it took to find a difference; undefined if none of them did. */
function findDifference(lib: Observer, directory: string, cases: readonly Case[]): number | undefined {
  const comparison = new Comparison(lib, directory);
  for (const [i, one] of cases.entries()) {
    try {
      if (typeof comparison.compare(one) === 'object') return i + 1;
    } catch {
      return i + 1;
    }
  }
  return undefined;
}

async function makeCases(t: Test, seed: number): Promise<{ directory: string; cases: readonly Case[] }> {
  const random = new Random(seed);
  const oracle = openOracle(t);
  const sets = Array.from({ length: SETS }, () => makeSet(random, oracle.directory, REQUESTS));
  return { directory: oracle.directory, cases: [...pairUp(sets, await oracle.ask(sets))] };
}

t.test('planted mistakes are found', { skip: unlessLibwrap() }, async (t) => {
  const seed = freshSeed();
  t.comment(`UCHROOT_SEED=${seed}`);
  const { directory, cases } = await makeCases(t, seed);
  const copies = makeDirectory(t);
  writeFileSync(join(copies, 'package.json'), '{"type": "module"}');
  t.equal(
    findDifference(sources, directory, cases),
    undefined,
    `none without a mistake (UCHROOT_SEED=${seed})`,
  );
  for (const mutation of mutations) {
    const lib = (await import(plant(copies, mutation))) as Observer;
    const found = findDifference(lib, directory, cases);
    t.type(found, 'number', `${mutation[0]} (UCHROOT_SEED=${seed})`);
    t.comment(`after ${found} requests`);
  }
});
