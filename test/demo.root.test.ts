// scripts/demo, and what it tells its reader to type.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

import t from 'tap';

import { makeDirectory } from './support/directory.ts';
import './support/plain-spawn.ts';
import { unlessRoot } from './support/root.ts';
import { sanitizerEnv } from './support/sanitizer.ts';

const env = { PATH: process.env.PATH, HOME: '/root', ...sanitizerEnv };

t.test('the demo ends well, and the commands that it ends with can be typed', { skip: unlessRoot() }, (t) => {
  const directory = makeDirectory(t);
  const said = execFileSync('scripts/demo', { env, encoding: 'utf8' });
  const [, end = ''] = said.split('type here:\n');
  const lines = end.trimEnd().split('\n');
  t.equal(lines.length, 4, end);
  for (const line of lines) {
    const typed = line.replaceAll('/srv/demo', join(directory, 'jail'));
    const { status, stderr } = spawnSync('/bin/sh', ['-c', typed], { env, input: 'id\n', encoding: 'utf8' });
    t.equal(status, 0, `${typed}\n${stderr}`);
  }
  t.end();
});
