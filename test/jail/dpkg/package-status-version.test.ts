import * as fc from 'fast-check';
import t from 'tap';

import { compareVersions, isInRelation } from '../../../lib/jail/dpkg/package-status.ts';

// deb-version(7) and the tests of dpkg
const ASCENDING = [
  ['1.0~rc1', '1.0'],
  ['1.0~~', '1.0~'],
  ['1.0', '1.0-1'],
  ['1.0-1', '1.0-1+b1'],
  ['1.0-1', '1.0-1ubuntu1'],
  ['1.9', '1.10'],
  ['9.9', '1:0.1'],
  ['1.0a', '1.0+'],
  ['1.0', '1.0a'],
  ['2.41-12', '2.41-12+deb13u5'],
  ['1.2-3-4', '1.2-4-1'],
  ['1.99999999999999999998', '1.99999999999999999999'],
] as const;

t.test('versions come in the order of deb-version(7)', async (t) => {
  for (const [older, newer] of ASCENDING) {
    t.ok(compareVersions(older, newer) < 0, `${older} is older than ${newer}`);
    t.ok(compareVersions(newer, older) > 0, `${newer} is newer than ${older}`);
    t.equal(compareVersions(older, older), 0);
  }
});

t.test('zeros in front, a missing epoch and a missing revision change nothing', async (t) => {
  for (const [one, other] of [
    ['1.01', '1.1'],
    ['0:1', '1'],
    ['1-0', '1'],
  ] as const)
    t.equal(compareVersions(one, other), 0, `${one} and ${other}`);
});

t.test('each relation of deb-control(5) holds for what it says', async (t) => {
  const holds = (operator: '<<' | '<=' | '=' | '>=' | '>>') =>
    ['1', '2', '3'].map((version) => isInRelation(version, operator, '2'));
  t.same(holds('<<'), [true, false, false]);
  t.same(holds('<='), [true, true, false]);
  t.same(holds('='), [false, true, false]);
  t.same(holds('>='), [false, true, true]);
  t.same(holds('>>'), [false, false, true]);
});

t.test('the order is total, whatever the text', async (t) => {
  const version = fc.string({ unit: fc.constantFrom(...Array.from('01~+-.:aZ')), maxLength: 8 });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        if (Math.sign(compareVersions(a, b)) !== -Math.sign(compareVersions(b, a))) return false;
        return !(compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) || compareVersions(a, c) <= 0;
      }),
    ),
  );
});
