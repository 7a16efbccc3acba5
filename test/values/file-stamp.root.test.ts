// Changes on a file system that stores whole seconds: only ext4 with small inodes still does on a new kernel.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';

import { renewStamp, takeStamp } from '../../lib/values/file-stamp.ts';
import { openHosts } from '../../lib/tcpwrappers/index.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot('mkfs.ext4');

function mountCoarse(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'uchroot-test-'));
  const [image, place] = [join(directory, 'image'), join(directory, 'mount')];
  mkdirSync(place);
  execFileSync('truncate', ['-s', '4M', image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-I', '128', image], { stdio: 'ignore' });
  execFileSync('mount', ['-o', 'loop', image, place]);
  t.teardown(() => {
    execFileSync('umount', [place]);
    rmSync(directory, { recursive: true, force: true });
  });
  return place;
}

t.test(
  'a change counts where the clock of the file system stands still for a second',
  { skip },
  async (t) => {
    const place = mountCoarse(t);
    const hosts = openHosts({ allow: join(place, 'allow'), deny: join(place, 'deny') });
    writeFileSync(join(place, 'deny'), 'ALL: ALL\n');
    const request = { daemon: 'sshd', client: { address: '10.0.0.1' } };
    const times = new Set<number>();
    for (let i = 0; i < 20; i++)
      for (const [address, verdict] of [
        ['10.0.0.1', 'granted'],
        ['10.0.0.2', 'denied'],
      ] as const) {
        writeFileSync(join(place, 'allow'), `sshd: ${address}\n`);
        times.add(statSync(join(place, 'allow')).ctimeMs);
        if ((await hosts.check(request)).verdict !== verdict)
          return t.fail(`change ${i} to ${verdict} is not seen`);
      }
    return t.ok(times.size < 40, 'some changes have the same time');
  },
);

t.test('a file is believed once its time is well past', { skip }, async (t) => {
  const path = join(mountCoarse(t), 'file');
  writeFileSync(path, '1');
  const stamp = takeStamp(Buffer.from(path));
  t.equal(stamp.isSettled, false);
  await sleep(2100);
  t.equal(renewStamp(stamp), true);
  t.equal(stamp.isSettled, true);
});
