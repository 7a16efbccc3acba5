import { readFileSync } from 'node:fs';

import t from 'tap';

import {
  capabilityMask,
  capabilityName,
  capabilityNames,
  capabilityNumber,
} from '../../../lib/launch/request/capabilities.ts';

t.test('names and numbers are those of capabilities(7)', async (t) => {
  t.same(
    ['chown', 'setgid', 'setuid', 'net_bind_service', 'sys_chroot', 'checkpoint_restore'].map(
      capabilityNumber,
    ),
    [0, 6, 7, 10, 18, 40],
  );
  t.equal(capabilityName(18), 'CAP_SYS_CHROOT');
});

t.test('every name leads to its number and back', async (t) => {
  for (const [number, name] of capabilityNames.entries()) {
    t.equal(capabilityNumber(name), number);
    t.equal(capabilityNumber(capabilityName(number)), number);
  }
});

t.test('a number that has no name yet is shown as a number', async (t) => {
  t.equal(capabilityName(63), 'CAP_63');
});

t.test('this kernel has none that is not known', async (t) => {
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  t.ok(last < capabilityNames.length, `the kernel's last is ${last}`);
});

t.test('a mask has a bit for each', async (t) => {
  t.equal(capabilityMask([]), 0);
  t.equal(capabilityMask([0, 10]), 0b100_0000_0001);
  t.equal(capabilityMask([40]), 2 ** 40);
});
