import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';

import t from 'tap';

import '../support/plain-spawn.ts';

const root = `${import.meta.dirname}/../../..`;

t.test('of a message with more descriptors than there is room for, none is taken or left open', (t) => {
  const program = `${t.testdir()}/receive-descriptors`;
  const flags = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  const sources = [`${root}/test/native/receive-descriptors.cc`, `${root}/native/terminal/rights.cc`];
  // Without the sanitizers, if this process has them.
  const env = { PATH: process.env.PATH, ASAN_OPTIONS: 'detect_leaks=0' };
  execFileSync('g++', [...flags, '-fno-sanitize-recover=all', ...sources, '-o', program], { env });
  for (let most = 1; most <= 8; most++)
    for (let sent = 1; sent <= 10; sent++) {
      const isTaken = sent <= most;
      const answer = isTaken ? sent : -constants.errno.EMFILE;
      const said = execFileSync(program, [`${sent}`, `${most}`], { encoding: 'utf8', env });
      t.equal(said, `${answer} intact, next ${isTaken ? sent + 1 : 1}\n`, `${sent} for ${most}`);
    }
  t.end();
});
