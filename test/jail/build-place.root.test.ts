// Places where a jail can be built, and obstacles there.

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { UsageError } from '../../lib/errors.ts';
import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { everythingIn } from '../support/builder.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });
const merged = { skip: unlessRoot() || (!lstatSync('/bin').isSymbolicLink() && 'no merged /usr here') };

t.test('a directory that somebody else owns or may write is refused', asRoot, async (t) => {
  const base = makeDirectory(t);
  const refused = async (path: string, what: RegExp) =>
    t.rejects(buildJail({ directory: path, programs: ['bash'] }), {
      code: 'ERR_INSECURE_PATH',
      message: what,
    });
  mkdirSync(`${base}/theirs`);
  chownSync(`${base}/theirs`, 65534, 65534);
  await refused(`${base}/theirs`, /owned by uid 65534/);
  await refused(`${base}/theirs/jail`, /owned by uid 65534/);
  mkdirSync(`${base}/open`);
  chmodSync(`${base}/open`, 0o777);
  await refused(`${base}/open/jail`, /mode 0777/);
  await refused('/tmp', /mode 1777/);
  mkdirSync(`${base}/group`);
  chmodSync(`${base}/group`, 0o775);
  chownSync(`${base}/group`, 0, 100);
  await refused(`${base}/group/jail`, /mode 0775/);
  t.same(readdirSync(`${base}/open`), [], 'and nothing is made');
});

t.test(
  "a directory with the host's own files, or with anything but a jail, is refused",
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    await t.rejects(buildJail({ directory: '/', programs: ['bash'] }), UsageError);
    await t.rejects(buildJail({ directory: '/usr', programs: ['bash'] }), UsageError);
    mkdirSync(`${base}/papers/x`, { recursive: true });
    await t.rejects(buildJail({ directory: `${base}/papers`, programs: ['bash'] }), {
      name: 'UsageError',
      message: /not empty/,
    });
    writeFileSync(`${base}/file`, '');
    await t.rejects(buildJail({ directory: `${base}/file`, programs: ['bash'] }), {
      name: 'JailError',
      code: 'ENOTDIR',
    });
    symlinkSync('loop', `${base}/loop`);
    await t.rejects(buildJail({ directory: `${base}/loop`, programs: ['bash'] }), {
      name: 'JailError',
      code: 'ELOOP',
    });
    t.same(readdirSync(`${base}/papers`), ['x']);
  },
);

t.test('a link that a jailed user made leads nothing out of the jail', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/outside`);
  for (const [name, target] of [
    ['usr', `${base}/outside`],
    ['usr', '../outside'],
  ] as const) {
    const jail = `${base}/jail`;
    mkdirSync(jail);
    symlinkSync(target, `${jail}/${name}`);
    await t.rejects(buildJail({ directory: jail, programs: ['bash'] }), {
      name: 'JailError',
      code: 'EEXIST',
      path: '/usr',
    });
    t.same(readdirSync(`${base}/outside`), []);
    t.same(readdirSync(jail), [name], 'and what was made before is gone again');
    rmSync(jail, { recursive: true });
  }
});

t.test('a directory in the jail that its user could write is refused', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  mkdirSync(`${jail}/usr/bin`, { recursive: true });
  chownSync(`${jail}/usr/bin`, 65534, 65534);
  await t.rejects(buildJail({ directory: jail, programs: ['bash'] }), {
    code: 'ERR_INSECURE_PATH',
    path: '/usr/bin',
  });
  t.same(everythingIn(jail), ['usr', 'usr/bin']);
});

t.test('a real /bin in the jail where the host has a link is named', merged, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  mkdirSync(`${jail}/bin`, { recursive: true });
  await t.rejects(buildJail({ directory: jail, programs: ['bash'] }), {
    message: '/bin is a directory in the jail, and a link to usr/bin on the host',
  });
});

t.test('a link in the way is replaced, with a warning, a directory is not touched', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  mkdirSync(`${jail}/usr/bin`, { recursive: true });
  symlinkSync('/etc/passwd', `${jail}/usr/bin/bash`);
  symlinkSync('usr/elsewhere', `${jail}/bin`);
  const { warnings } = await buildJail({ directory: jail, programs: ['/usr/bin/bash'] });
  t.ok(
    warnings.includes(
      `/usr/bin/bash was a link to /etc/passwd in the jail: it is replaced by that of the host`,
    ),
  );
  t.ok(lstatSync(`${jail}/usr/bin/bash`).isFile());
  if (lstatSync('/bin').isSymbolicLink()) t.equal(readlinkSync(`${jail}/bin`), readlinkSync('/bin'));
  rmSync(`${jail}/usr/bin/bash`);
  mkdirSync(`${jail}/usr/bin/bash/keep`, { recursive: true });
  const again = { directory: jail, programs: ['/usr/bin/bash'] };
  await t.rejects(buildJail(again), { code: 'ERR_MISSING', path: '/usr/bin/bash' });
  await t.rejects(buildJail({ ...again, replace: ['/usr/bin/bash'] }), { code: 'EEXIST' });
  t.ok(existsSync(`${jail}/usr/bin/bash/keep`));
});

t.test('a full disk leaves the jail as it was', needs('mount'), async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/small`);
  start(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', `${base}/small`]);
  t.teardown(() => start(['umount', `${base}/small`]));
  await t.rejects(buildJail({ directory: `${base}/small/jail`, programs: ['bash'] }), {
    name: 'JailError',
    code: 'ENOSPC',
    message: new RegExp(`^${base}/small/jail: /usr/\\S+: No space left on device, write$`),
  });
  t.same(everythingIn(`${base}/small`), []);
});
