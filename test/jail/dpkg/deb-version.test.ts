import { spawnSync } from 'node:child_process';

import t from 'tap';

import { compareVersions } from '../../../lib/jail/dpkg/deb-version.ts';

// Each is older than the next one.
const ordered = [
  '1.0~~',
  '1.0~~a',
  '1.0~',
  '1.0~rc1-1',
  '1.0',
  '1.0-1~deb13u1',
  '1.0-1',
  '1.0-1+b1',
  '1.0-1+deb13u2',
  '1.0-1.1',
  '1.0-2',
  '1.0-10',
  '1.0a',
  '1.0a.b',
  '1.0+dfsg',
  '1.0.1',
  '1.1-1',
  '1.18446744073709551616',
  '1.18446744073709551617',
  '1.a',
  '2',
  '1:0.1',
  '10:0',
] as const;

const equal = [
  ['1.0', '0:1.0'],
  ['1.0', '1.0-0'],
  ['1.00', '1.0'],
  ['1.0', '1.0-'],
  ['1.001-01', '1.1-1'],
  ['', ''],
] as const;

t.test('versions are in the order of dpkg', async (t) => {
  for (const [i, one] of ordered.entries())
    for (const [j, other] of ordered.entries())
      t.equal(Math.sign(compareVersions(one, other)), Math.sign(i - j), `${one} ${other}`);
  for (const [one, other] of equal) t.equal(compareVersions(one, other), 0, `${one} ${other}`);
});

t.test('dpkg has the same order', async (t) => {
  const pairs = ordered.slice(1).map((other, i) => [ordered[i] ?? '', other] as const);
  const script = 'while [ $# -gt 1 ]; do dpkg --compare-versions "$1" lt "$2" || echo "$1 $2"; shift 2; done';
  const { status, stdout, error } = spawnSync('sh', ['-c', script, 'sh', ...pairs.flat()], {
    encoding: 'utf8',
  });
  t.same({ status, stdout, error }, { status: 0, stdout: '', error: undefined });
});
