import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { encodePlan } from '../../lib/launch/encode.ts';
import { buildPlan } from '../../lib/launch/plan.ts';
import { planInputs } from '../launch/arbitrary.ts';
import '../support/plain-spawn.ts';

const root = `${import.meta.dirname}/../../..`;
const directory = t.testdir();
const checkPlan = `${directory}/check-plan`;

function compile(...args: readonly string[]): void {
  const common = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Werror'];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  // without the sanitizers, if this process has them
  execFileSync('g++', [...common, ...sanitizers, ...args], { env: { PATH: process.env.PATH } });
}

compile('-ffreestanding', '-c', `${root}/native/interpreter.cc`, '-o', `${directory}/interpreter.o`);
compile(`${root}/test/native/check-plan.cc`, `${directory}/interpreter.o`, '-o', checkPlan);

// A sanitizer's complaint is a status other than 0.
function check(args: readonly string[]): readonly string[] {
  const run = spawnSync(checkPlan, args, { encoding: 'utf8', env: { ASAN_OPTIONS: 'detect_leaks=0' } });
  if (run.status !== 0) throw new Error(`check-plan: ${run.status} ${run.signal}\n${run.stderr}`);
  return run.stdout.trimEnd().split('\n');
}

function writePlans(name: string, count: number): readonly string[] {
  mkdirSync(`${directory}/${name}`);
  return fc.sample(planInputs, count).map((input, index) => {
    const file = `${directory}/${name}/${index}`;
    writeFileSync(file, encodePlan(buildPlan(input)));
    return file;
  });
}

t.test('every plan that is encoded is accepted', async (t) => {
  const files = writePlans('valid', 200);
  t.same(
    check(files),
    files.map(() => 'accepted'),
  );
});

t.test('no truncation of a plan is accepted, whatever size its header tells', async (t) => {
  const files = writePlans('truncated', 4);
  t.same(
    check(['--mutate', '0', ...files]),
    files.map(() => '0 truncations accepted'),
  );
});

t.test('a plan with any byte changed is refused or can be read within its bounds', async (t) => {
  t.doesNotThrow(() => check(['--mutate', '20000', ...writePlans('mutated', 4)]));
});

t.test('the seeds of the fuzzer are judged as their names say', async (t) => {
  const corpus = `${root}/test/fuzz/corpus`;
  const names = readdirSync(corpus);
  const verdicts = check(names.map((name) => `${corpus}/${name}`));
  for (const [index, name] of names.entries()) t.ok(name.startsWith(`${verdicts[index]}-`), name);
});
