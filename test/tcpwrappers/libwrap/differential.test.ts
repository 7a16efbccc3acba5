// Every answer is that of the installed libwrap: verdict, rule, look-ups in their order, options as they would run.
//   UCHROOT_SEED   repeats a run
//   UCHROOT_CASES  how many requests, instead of 30,000
import t from 'tap';

import { openOracle, type TestSet, unlessLibwrap } from '../../support/tcpwrappers-oracle.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { type Case, Comparison, pairUp } from '../../support/tcpwrappers/libwrap/compare.ts';
import { makeSet } from '../../support/tcpwrappers/libwrap/generate.ts';
import * as lib from '../../support/tcpwrappers/libwrap/observe.ts';
import type { Observation } from '../../support/tcpwrappers/libwrap/observe.ts';

const CASES = Number(process.env.UCHROOT_CASES ?? 20_000);
const REQUESTS = 12;
const SETS_AT_ONCE = 250;
const MAX_SHOWN = 3;

function describe({ set, request, theirs }: Case, ours: Observation): string {
  return JSON.stringify({ files: set.files, request, ours, theirs }, undefined, 1);
}

const seed = freshSeed();
// a long run, started by hand, has no limit
t.setTimeout(0);
t.test(`libwrap and we answer alike, UCHROOT_SEED=${seed}`, { skip: unlessLibwrap() }, async (t) => {
  const random = new Random(seed);
  const oracle = openOracle(t);
  const comparison = new Comparison(lib, oracle.directory);
  const makeSets = () =>
    Array.from({ length: SETS_AT_ONCE }, () => makeSet(random, oracle.directory, REQUESTS));
  const counts: Record<string, number> = {};
  const failures: string[] = [];

  function compareAll(sets: readonly TestSet[], answers: Awaited<ReturnType<typeof oracle.ask>>): void {
    for (const one of pairUp(sets, answers)) {
      const result = comparison.compare(one);
      const key = typeof result === 'string' ? result : 'failure';
      counts[key] = (counts[key] ?? 0) + 1;
      if (typeof result === 'object' && failures.length < MAX_SHOWN) failures.push(describe(one, result));
    }
  }

  let sets = makeSets();
  let asked = oracle.ask(sets);
  for (let left = CASES; left > 0; left -= SETS_AT_ONCE * REQUESTS) {
    const answers = await asked;
    const answered = sets;
    if (left > SETS_AT_ONCE * REQUESTS) {
      sets = makeSets();
      asked = oracle.ask(sets);
    }
    compareAll(answered, answers);
  }
  for (const [key, count] of Object.entries(counts)) t.comment(`${count} ${key}`);
  t.same(failures, [], `no failures with UCHROOT_SEED=${seed}`);
  t.ok((counts.same ?? 0) > CASES * 0.9, 'nearly all of them are compared in full');
});
