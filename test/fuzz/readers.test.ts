// A short run of scripts/fuzz for each reader of bytes: its kept seeds, and what half a second makes of them.
import { spawnSync } from 'node:child_process';

import { test } from 'tap';

import { planted, targets } from './targets.ts';

const run = (...words: readonly string[]) =>
  spawnSync(process.execPath, ['scripts/fuzz-readers.mjs', ...words], { encoding: 'utf8', env: {} });

test('no reader fails at what half a second of mutations makes', (t) => {
  const { status, stdout, stderr } = run('0.5');
  t.equal(stderr, '');
  for (const { name } of targets) t.match(stdout, `${name}: `);
  t.equal(status, 0, stdout);
  t.end();
});

test('a fault behind four steps is found, because the coverage leads there', (t) => {
  const { status, stdout } = run('60', planted.name);
  t.equal(status, 1);
  t.match(stdout, 'the planted fault');
  t.end();
});

test('an unknown target is told, with those that there are', (t) => {
  const { status, stderr } = run('1', 'elv');
  t.equal(status, 2);
  t.match(stderr, 'no target elv; there are elf, ');
  t.end();
});
