import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import {
  hasNetgroups,
  lookUpNetgroup,
  parseNetgroup,
} from '../../../lib/tcpwrappers/lookup/system-resolver.ts';
import { makeDirectory } from '../../support/directory.ts';
import { unlessInstalled } from '../../support/root.ts';
import { sanitizerEnv } from '../../support/sanitizer.ts';

t.test('the hosts of a netgroup are the first of each triple', async (t) => {
  t.same(parseNetgroup('trusted   (one.example.com,,) ( two ,joe,example.com) (,jane,)\n'), [
    'one.example.com',
    'two',
    undefined,
  ]);
});

t.test('a triple for no host has none', async (t) => {
  t.same(parseNetgroup('users (-,joe,) (host,-,)\n'), ['host']);
  t.same(parseNetgroup('empty\n'), []);
});

t.test(
  'a netgroup that is not there has no hosts',
  { skip: !hasNetgroups() && 'needs getent' },
  async (t) => {
    t.same(await lookUpNetgroup('uchroot-nosuch', 10_000), { value: [] });
    t.same(await lookUpNetgroup('--help', 10_000), { value: [] });
  },
);

t.test(
  'a netgroup is asked about once for all who want it, and without a copy of this process',
  { skip: unlessInstalled('strace', 'getent') },
  async (t) => {
    const directory = makeDirectory(t);
    const trace = join(directory, 'trace');
    const module = new URL('../../../lib/tcpwrappers/lookup/system-resolver.js', import.meta.url).href;
    const script = `const { lookUpNetgroup } = await import(${JSON.stringify(module)});
      const look = () => lookUpNetgroup('uchroot-\xff', 10_000);
      const found = await Promise.all(Array.from({ length: 20 }, look));
      console.log(JSON.stringify([...found, await look()]));`;
    const words = ['-f', '-qq', '-o', trace, '-e', 'trace=execve,execveat,clone,clone3,fork,vfork'];
    const { stdout } = spawnSync(
      'strace',
      [...words, process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8', env: { PATH: process.env.PATH, ...sanitizerEnv } },
    );
    t.same(
      JSON.parse(stdout),
      Array.from({ length: 21 }, () => ({ value: [] })),
    );
    const calls = readFileSync(trace, 'latin1').split('\n');
    t.equal(calls.filter((line) => /execve\("[^"]*getent"/.test(line)).length, 1);
    t.same(
      calls.filter((line) => /fork\(|clone3?\(/.test(line) && !line.includes('CLONE_VM')),
      [],
    );
  },
);
