import { constants, statSync } from 'node:fs';

import t from 'tap';

import { CHARACTER_DEVICE, DEVICES } from '../../../lib/jail/host/devices.ts';

t.test('the devices of a jail have the numbers of those of this host', async (t) => {
  for (const [name, major, minor] of DEVICES) {
    const { rdev, mode } = statSync(`/dev/${name}`);
    t.same([rdev >> 8, rdev & 0xff], [major, minor], name);
    t.equal(mode & constants.S_IFMT, CHARACTER_DEVICE, name);
  }
});
