import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { listJail } from '../../lib/jail/listing.ts';
import { makeDirectory } from '../support/directory.ts';
import { describeTree, faultsOf, makeSystem, runIn, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };

t.test('the plan of a new jail tells everything and makes nothing', asRoot, async (t) => {
  const base = makeDirectory(t);
  const directory = `${base}/new/jail`;
  const planned = await buildJail({ directory, programs: ['bash', 'ls'], plan: true });
  t.same(readdirSync(base), []);
  t.ok(planned.changes.some(({ kind, path }) => kind === 'added' && path === '/usr/bin/bash'));
  const built = await buildJail({ directory, programs: ['bash', 'ls'] });
  t.same(built, planned);
  t.same(faultsOf(directory), []);
});

t.test('the plan of an addition tells what would be added', asRoot, async (t) => {
  const directory = `${makeDirectory(t)}/jail`;
  await buildJail({ directory, programs: ['bash'] });
  const before = describeTree(directory);
  const { changes } = await buildJail({ directory, programs: ['ls'], plan: true });
  t.same(describeTree(directory), before);
  t.ok(changes.some(({ path }) => path === '/usr/bin/ls'));
  t.notOk(changes.some(({ path }) => path === '/usr/bin/bash'));
  t.same((await buildJail({ directory, programs: ['bash', 'bash'], plan: true })).changes, []);
});

t.test('a plan is refused where a build would be', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/papers/x`, { recursive: true });
  const plan = true;
  await t.rejects(buildJail({ directory: `${base}/papers`, programs: ['bash'], plan }), {
    name: 'UsageError',
  });
  await t.rejects(buildJail({ directory: '/', programs: ['bash'], plan }), { name: 'UsageError' });
  writeFileSync(`${base}/file`, '');
  await t.rejects(buildJail({ directory: `${base}/file`, programs: ['bash'], plan }), { code: 'ENOTDIR' });
});

t.test('a jail made of what list --format json writes is the same, byte for byte', asRoot, async (t) => {
  const base = makeDirectory(t);
  makeSystem(`${base}/root`, '/bin/bash', '/bin/ls', '/bin/cat');
  mkdirSync(`${base}/root/srv/app/deep`, { recursive: true });
  const odd = Buffer.from('/srv/app/deep/\xff', 'latin1');
  writeFileSync(Buffer.concat([Buffer.from(`${base}/root`), odd]), 'x');
  writeFileSync(`${base}/root/srv/app/private`, 'y', { mode: 0o600 });
  // a home of its own, a directory whose times are his affair later on
  mkdirSync(`${base}/root/var/www`, { recursive: true });
  chownSync(`${base}/root/var/www`, 33, 33);
  const jail = `${base}/one`;
  const from = `${base}/root`;
  await buildJail({ directory: jail, from, programs: ['/bin/bash'], users: ['www-data'] });
  await buildJail({ directory: jail, programs: ['/bin/ls'], copies: ['/srv/app'] });
  await buildJail({ directory: jail, programs: ['/bin/cat'], copies: [{ from: '/srv/app', to: '/opt/x' }] });
  const listed = uchrootJail(['list', jail, '--format', 'json']);
  t.equal(listed.status, 0);
  writeFileSync(`${base}/recipe`, listed.stdout);
  t.match(uchrootJail(['build', `${base}/two`, '--recipe', `${base}/recipe`]), { status: 0, stderr: '' });
  t.same(describeTree(`${base}/two`), describeTree(jail), 'content, modes, owners, times and manifest');
  t.equal(runIn(`${base}/two`, '/bin/cat', '/etc/passwd'), readFileSync(`${jail}/etc/passwd`, 'utf8'));
  const { recipe } = await listJail({ directory: jail });
  await buildJail({ directory: `${base}/three`, recipe });
  t.same(describeTree(`${base}/three`), describeTree(jail), 'and of the recipe alone');
});

t.test('a recipe that asks for what is not there makes nothing', asRoot, async (t) => {
  const base = makeDirectory(t);
  const refused = (recipe: object, code: string) =>
    t.rejects(buildJail({ directory: `${base}/jail`, recipe }), { code });
  await refused({ programs: ['/bin/no-such-program'] }, 'ENOENT');
  await refused({ programs: ['/bin/bash'], copies: [{ from: '/no/such', to: '/x' }] }, 'ENOENT');
  await refused({ programs: ['/bin/bash'], packs: ['no-such-pack'] }, 'ERR_USAGE');
  await refused({ programs: ['/bin/bash'], users: ['no-such-user'] }, 'ERR_UNKNOWN_USER');
  await refused({ programs: ['/bin/bash'], from: '/no/such' }, 'ENOENT');
  await refused({ programs: 1 }, 'ERR_RECIPE');
  t.notOk(existsSync(`${base}/jail`));
});

t.test('a file that is no recipe is told with its name', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/text`, 'no JSON');
  writeFileSync(`${base}/json`, '{"program":[]}');
  const build = (file: string) => uchrootJail(['build', `${base}/jail`, '--recipe', file]);
  t.match(build(`${base}/text`), {
    status: 1,
    stderr: /^uchroot-jail: --recipe \S+\/text: .*JSON.*\nhint: .*list/,
  });
  t.match(build(`${base}/none`), {
    status: 1,
    stderr: /^uchroot-jail: --recipe \S+\/none: no such file or directory, open\nhint: /,
  });
  t.match(build(`${base}/json`), { status: 1, stderr: "uchroot-jail: the recipe: unknown key 'program'\n" });
  t.notOk(existsSync(`${base}/jail`));
});
