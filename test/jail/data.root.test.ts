// Data belongs to the service: what may be written by a user of the jail, and what was changed there, stays.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { describeTree, faultsOf, manifestOf, sha256, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const NOBODY = 65534;

interface Place {
  readonly jail: string;
  /** The system that the jail is built from. */
  readonly root: string;
}

/** A jail with the data of a service, which nobody runs, and a library and a setting of root's. */
async function makePlace(t: Test): Promise<Place> {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  mkdirSync(`${root}/var/cache/app/deep`, { recursive: true });
  mkdirSync(`${root}/opt/lib`, { recursive: true });
  for (const name of ['var/cache/app/dyn.db', 'var/cache/app/deep/log', 'opt/lib/code', 'opt/lib/setting'])
    writeFileSync(`${root}/${name}`, 'first\n');
  for (const name of ['', '/dyn.db', '/deep', '/deep/log'])
    chownSync(`${root}/var/cache/app${name}`, NOBODY, NOBODY);
  await buildJail({ directory: jail, from: root, users: ['nobody'], copies: ['/var/cache/app', '/opt/lib'] });
  return { jail, root };
}

const dyn = 'var/cache/app/dyn.db';

t.test("a file that a service has written is not replaced by the host's old one", asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  appendFileSync(`${jail}/${dyn}`, 'of the service\n');
  const { status, stdout, stderr } = uchrootJail(['update', jail]);
  t.equal(readFileSync(`${jail}/${dyn}`, 'utf8'), 'first\nof the service\n');
  t.match({ status, stderr }, { status: 0, stderr: '' }, 'the host has no news');
  t.match(stdout, /left as it is: \/var\/cache\/app\/dyn\.db: a user of the jail may write there: /);
  for (const file of [jail, root]) t.match(stdout, new RegExp(`sha256 ${sha256(`${file}/${dyn}`)}`));
  t.match(stdout, /, 0 changed, 1 left as it is\n$/);
  t.notMatch(stdout, /up to date/);
  const { left } = JSON.parse(uchrootJail(['update', jail, '--format', 'json']).stdout) as { left: unknown };
  const side = { kind: 'file', mode: '0644', uid: NOBODY, gid: NOBODY };
  t.strictSame(left, [
    {
      path: `/${dyn}`,
      because: 'writable',
      isOutdated: false,
      jail: { ...side, sha256: sha256(`${jail}/${dyn}`) },
      host: { ...side, sha256: sha256(`${root}/${dyn}`) },
    },
  ]);
});

t.test('news of the host for data of the service are told, and taken only by name', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  for (const name of [dyn, 'var/cache/app/deep/log', 'opt/lib/code'])
    writeFileSync(`${root}/${name}`, 'second\n');
  writeFileSync(`${root}/var/cache/app/new`, 'new\n');
  chownSync(`${root}/var/cache/app/new`, NOBODY, NOBODY);
  const { status, stderr } = uchrootJail(['update', jail]);
  t.equal(status, 3);
  t.match(
    stderr,
    /warning: newer versions on the host were not put in the jail: .*\/dyn\.db.*uchroot-jail update \S+ --replace \/var\/cache/,
  );
  t.equal(readFileSync(`${jail}/${dyn}`, 'utf8'), 'first\n');
  t.notOk(existsSync(`${jail}/var/cache/app/new`), 'new data do not suit the old ones');
  t.equal(readFileSync(`${jail}/opt/lib/code`, 'utf8'), 'second\n', 'what is root’s is updated all the same');
  t.match(uchrootJail(['update', jail, '--replace', `/${dyn}`]), { status: 3 });
  t.equal(readFileSync(`${jail}/${dyn}`, 'utf8'), 'second\n');
  t.equal(readFileSync(`${jail}/var/cache/app/deep/log`, 'utf8'), 'first\n');
  t.match(uchrootJail(['update', jail, '--replace', '/var/cache/app']), { status: 0, stderr: '' });
  t.equal(readFileSync(`${jail}/var/cache/app/new`, 'utf8'), 'new\n');
  t.same(faultsOf(jail), []);
  t.match(uchrootJail(['update', jail]).stdout, /, up to date\n$/);
});

t.test('a path to be replaced that the builder does not make is an error', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const before = describeTree(jail);
  for (const path of ['/var/cache/ap', '/opt/lib/own', '/.uchroot', 'opt', '/opt/../etc'])
    await t.rejects(updateJail({ directory: jail, replace: [path] }), { name: 'UsageError' }, path);
  t.same(describeTree(jail), before);
});

t.test('an update leaves data as the service has made them', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  const data = `${jail}/var/cache/app`;
  const acts: Readonly<Record<string, () => void>> = {
    'removed a file': () => unlinkSync(`${data}/dyn.db`),
    'removed a directory': () => rmSync(`${data}/deep`, { recursive: true }),
    'put a link there': () => symlinkSync('/etc', `${data}/deep`),
    'put a directory there': () => mkdirSync(`${data}/dyn.db/x`, { recursive: true }),
    'closed it': () => chmodSync(data, 0o700),
    'made the directory a file': () => {
      unlinkSync(`${data}/deep`);
      writeFileSync(`${data}/deep`, 'mine');
    },
    'gave a file another name as well': () => linkSync(`${data}/deep`, `${data}/twin`),
  };
  for (const [what, act] of Object.entries(acts)) {
    act();
    const before = describeTree(data);
    for (const text of ['one\n', 'two\n']) {
      writeFileSync(`${root}/${dyn}`, text);
      writeFileSync(`${root}/opt/lib/code`, `${what} ${text}`);
      const { left } = await updateJail({ directory: jail });
      t.ok(left.length > 0, what);
      t.same(describeTree(data), before, what);
      t.equal(sha256(`${jail}/opt/lib/code`), sha256(`${root}/opt/lib/code`), 'and the rest is updated');
    }
  }
});

t.test('data of the service are not removed when the host has them no more', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  rmSync(`${root}/var/cache/app/deep`, { recursive: true });
  rmSync(`${root}/opt/lib/setting`);
  const { left, changes } = await updateJail({ directory: jail });
  t.match(left, [{ because: 'unneeded' }, { because: 'unneeded' }]);
  t.ok(existsSync(`${jail}/var/cache/app/deep/log`));
  t.notOk(existsSync(`${jail}/opt/lib/setting`), 'what nobody has touched and nobody may goes');
  t.same(
    changes.map(({ path }) => path),
    ['/opt/lib/setting'],
  );
  t.match((await updateJail({ directory: jail })).extra, []);
});

t.test('a file that another user may write by its group or its directory is his', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  chownSync(`${jail}/opt/lib/code`, 0, 8);
  chmodSync(`${jail}/opt/lib/code`, 0o664);
  writeFileSync(`${root}/opt/lib/code`, 'second\n');
  t.match((await updateJail({ directory: jail })).left, [{ path: '/opt/lib/code', because: 'writable' }]);
  t.equal(readFileSync(`${jail}/opt/lib/code`, 'utf8'), 'first\n');
});

t.test('a file of root becomes a directory, a directory a file, a link either', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  const lib = `${root}/opt/lib`;
  const forms: readonly (() => void)[] = [
    () => {
      mkdirSync(`${lib}/code`);
      writeFileSync(`${lib}/code/in`, 'in');
    },
    () => symlinkSync('setting', `${lib}/code`),
    () => {
      mkdirSync(`${lib}/code/a/b`, { recursive: true });
      writeFileSync(`${lib}/code/a/b/c`, 'c');
    },
    () => writeFileSync(`${lib}/code`, 'file again'),
  ];
  for (const form of forms) {
    rmSync(`${lib}/code`, { recursive: true });
    form();
    t.match(await updateJail({ directory: jail }), { left: [], extra: [] });
    t.same(faultsOf(jail), []);
    t.same(describeTree(`${jail}/opt/lib`).map(kindAndName), describeTree(lib).map(kindAndName));
  }
});

function kindAndName(line: string): string {
  return line.split(' ').slice(0, 2).join(' ');
}

t.test('a directory in which something of the jail lies does not become a file', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  rmSync(`${root}/opt/lib`, { recursive: true });
  writeFileSync(`${root}/opt/lib`, 'file');
  writeFileSync(`${jail}/opt/lib/own`, 'mine');
  const { left } = await updateJail({ directory: jail });
  t.match(left, [{ path: '/opt/lib', because: 'changed', isOutdated: true }]);
  t.equal(readFileSync(`${jail}/opt/lib/own`, 'utf8'), 'mine');
  unlinkSync(`${jail}/opt/lib/own`);
  await updateJail({ directory: jail });
  t.same(faultsOf(jail), []);
});

t.test('a package of which a file was left keeps its old version in the manifest', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  const database = `${root}/var/lib/dpkg`;
  mkdirSync(`${database}/info`, { recursive: true });
  writeFileSync(`${database}/info/lib.list`, '/.\n/opt\n/opt/lib\n/opt/lib/code\n/opt/lib/setting\n');
  const setVersion = (version: string) =>
    writeFileSync(
      `${database}/status`,
      `Package: lib\nStatus: install ok installed\nArchitecture: all\nVersion: ${version}\nDescription: x\n\n`,
    );
  setVersion('1');
  await updateJail({ directory: jail });
  setVersion('2');
  writeFileSync(`${root}/opt/lib/code`, 'second');
  writeFileSync(`${jail}/opt/lib/code`, 'patched');
  t.match(await updateJail({ directory: jail }), { packages: [], left: [{ isOutdated: true }] });
  t.equal(manifestOf(jail).packages['lib'], '1');
  await updateJail({ directory: jail, replace: ['/opt/lib/code'] });
  t.equal(manifestOf(jail).packages['lib'], '2');
});

t.test('a copied tree of a user of the jail stays his', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  for (const name of ['var/cache/app', dyn, 'var/cache/app/deep'])
    t.same(
      [statSync(`${jail}/${name}`).uid, statSync(`${jail}/${name}`).mode],
      [NOBODY, statSync(`${root}/${name}`).mode],
    );
  chownSync(`${root}/opt/lib`, 7, 7);
  chownSync(`${root}/opt/lib/code`, 7, 7);
  await updateJail({ directory: jail });
  t.same([statSync(`${jail}/opt/lib/code`).uid, statSync(`${jail}/opt/lib`).uid], [0, 0], 'of nobody else');
});

t.test('100 GB of nothing in the place of a file are not read', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  truncateSync(`${jail}/${dyn}`, 100e9);
  const { left } = await updateJail({ directory: jail });
  t.match(left, [{ path: `/${dyn}`, because: 'writable', jail: { kind: 'file' } }]);
  t.notOk(left[0]?.jail !== undefined && 'sha256' in left[0].jail);
  t.equal(statSync(`${jail}/${dyn}`).size, 100e9);
});

t.test('a directory that is named but that something lies in stays', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const at = `${jail}/opt/lib/code`;
  unlinkSync(at);
  mkdirSync(at);
  writeFileSync(`${at}/own`, 'mine');
  await t.rejects(updateJail({ directory: jail, replace: ['/opt/lib/code'] }), { code: 'EEXIST' });
  t.equal(readFileSync(`${at}/own`, 'utf8'), 'mine');
  rmSync(at, { recursive: true });
  symlinkSync('setting', at);
  t.match(await updateJail({ directory: jail }), {
    left: [{ because: 'changed', jail: { target: 'setting' } }],
  });
  t.equal(readlinkSync(at), 'setting');
  rmSync(`${jail}/var/cache/app/deep`, { recursive: true });
  symlinkSync('/opt/lib', `${jail}/var/cache/app/deep`);
  await updateJail({ directory: jail, replace: ['/var/cache/app/deep', '/opt/lib'] });
  t.same(faultsOf(jail), [], 'a link that is named becomes a directory again, with what lay in it');
  rmdirSync(`${jail}/tmp`);
});

t.test(
  "an update goes on without the host's copy of data, if it is told to do without",
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    appendFileSync(`${jail}/${dyn}`, 'more\n');
    rmSync(`${root}/var/cache/app`, { recursive: true });
    const { status, stderr } = uchrootJail(['update', jail]);
    t.equal(status, 1);
    const [line = ''] = /(?<=or do without it: )uchroot-jail build .*/.exec(stderr) ?? [];
    t.equal(uchrootJail(line.split(' ').slice(1)).status, 0);
    t.equal(readFileSync(`${jail}/${dyn}`, 'utf8'), 'first\nmore\n');
    writeFileSync(`${root}/opt/lib/code`, 'second\n');
    t.equal(uchrootJail(['update', jail]).status, 0);
    t.equal(readFileSync(`${jail}/opt/lib/code`, 'utf8'), 'second\n');
    t.equal(readFileSync(`${jail}/${dyn}`, 'utf8'), 'first\nmore\n');
  },
);

t.test(
  'a directory that was moved away, with a link in its place, keeps all its files',
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    renameSync(`${jail}/opt/lib`, `${jail}/opt/moved`);
    symlinkSync('moved', `${jail}/opt/lib`);
    rmSync(`${root}/opt/lib/code`);
    const { status, stdout, stderr } = uchrootJail(['update', jail]);
    t.match({ status, stderr }, { status: 0, stderr: '' });
    t.match(stdout, 'left as it is: /opt/lib/code: it is no longer needed, ');
    t.same(readdirSync(`${jail}/opt/moved`), ['code', 'setting']);
  },
);

t.test('a directory that has become a link on the host is replaced by that link', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  mkdirSync(`${root}/opt/lib/conf`);
  writeFileSync(`${root}/opt/lib/conf/a`, 'first\n');
  await updateJail({ directory: jail });
  renameSync(`${root}/opt/lib/conf`, `${root}/opt/lib/conf.d`);
  symlinkSync('conf.d', `${root}/opt/lib/conf`);
  t.match(uchrootJail(['update', jail]), { status: 0, stderr: '' });
  t.equal(readlinkSync(`${jail}/opt/lib/conf`), 'conf.d');
  t.same(readdirSync(`${jail}/opt/lib/conf.d`), ['a']);
  t.match(uchrootJail(['update', jail]), { status: 0, stdout: /, up to date\n$/ });
});
