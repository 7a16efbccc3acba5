// Where a pid file lies, and what is said where none can be.
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';

import { bothWays, makeJail, start, temporaryDirectory, uchroot } from '../support/launch.ts';

const eitherWay = bothWays();
const jail = makeJail();
const directory = temporaryDirectory();

eitherWay('a pid file lies where the kernel finds its directory, `..` beyond a link included', async (t) => {
  mkdirSync(`${directory}/data/run`, { recursive: true });
  rmSync(`${directory}/link`, { force: true });
  symlinkSync(`${directory}/data/run`, `${directory}/link`);
  const words = ['nobody', jail, '/probe', 'exit', '5'];
  t.equal(uchroot(['--pid-file', `${directory}/link/../pid`, ...words]).status, 5);
  t.ok(existsSync(`${directory}/data/pid`));
  t.notOk(existsSync(`${directory}/pid`));
  rmSync(`${directory}/data/pid`);
});

eitherWay('a pid file on a full disk is told as that, and nothing is left of it', async (t) => {
  const full = `${directory}/full`;
  mkdirSync(full, { recursive: true });
  t.equal(start(['mount', '-t', 'tmpfs', '-o', 'size=4k,mode=0755', 'none', full]).status, 0);
  try {
    t.equal(start(['dd', 'if=/dev/zero', `of=${full}/all`, 'bs=4k', 'count=1']).status, 0);
    const words = ['nobody', jail, '/probe', 'mark', '/tmp/full'];
    const ended = uchroot(['--pid-file', `${full}/pid`, ...words]);
    t.equal(ended.status, 125);
    t.equal(ended.stderr, `uchroot: pid file: ${full}/pid: no space left on device\n`);
    t.strictSame(readdirSync(full), ['all']);
    t.notOk(existsSync(`${jail}/tmp/full`));
  } finally {
    start(['umount', full]);
  }
});

eitherWay('a directory in place of the pid file is told, and stays', async (t) => {
  mkdirSync(`${directory}/taken/inside`, { recursive: true });
  const ended = uchroot(['--pid-file', `${directory}/taken`, 'nobody', jail, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: pid file: \S+\/taken: [^\n]*on a directory\n/);
  t.strictSame(
    readdirSync(directory).filter((name) => name.startsWith('taken')),
    ['taken'],
  );
});
