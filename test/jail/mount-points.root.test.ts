// The directories of a jail on which a launch mounts.
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

import t from 'tap';

import { updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { uchrootJail } from '../support/builder.ts';
import { uchroot } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };

// Makes a jail as an earlier version has made it.
function forget(jail: string): void {
  const file = `${jail}/.uchroot/manifest.json.gz`;
  const manifest = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { entries: { path: string }[] };
  const gone = ['/proc', '/run'];
  manifest.entries = manifest.entries.filter(({ path }) => !gone.includes(path));
  writeFileSync(file, gzipSync(JSON.stringify(manifest)));
  for (const path of gone) rmdirSync(`${jail}${path}`);
}

t.test(
  '--proc, --dev and --tmpfs work in a jail that was just built, and after an update',
  asRoot,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    t.match(uchrootJail(['build', jail, 'ls']), { status: 0, stderr: '' });
    const mounts = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--tmpfs', '/tmp'];
    const launch = () =>
      uchroot(['--isolate', ...mounts, 'lp', jail, '/bin/ls', '-d', '/proc/1', '/dev/null']);
    t.match(launch(), { status: 0, stdout: '/dev/null\n/proc/1\n', stderr: '' });
    t.equal(uchrootJail(['explain', jail, '/run']).stdout, '/run/\n← part of every jail\n');
    t.match(uchrootJail(['check', jail]).stdout, '0 errors, 0 warnings');
    forget(jail);
    t.match(launch().stderr, /\/proc is not in the jail\nhint: mkdir -p .*\/jail\/proc\n$/);
    const { changes, left } = await updateJail({ directory: jail });
    t.same([changes.map(({ kind, path }) => `${kind} ${path}`), left], [['added /proc', 'added /run'], []]);
    t.match(launch(), { status: 0, stderr: '' });
    t.equal(uchrootJail(['remove', jail]).status, 0);
    t.notOk(existsSync(jail));
  },
);

t.test(
  'an update leaves the directory that somebody has made for mounts, with its rights',
  asRoot,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    t.match(uchrootJail(['build', jail, 'ls']), { status: 0, stderr: '' });
    forget(jail);
    mkdirSync(`${jail}/run`, { mode: 0o755 });
    chownSync(`${jail}/run`, 33, 33);
    mkdirSync(`${jail}/proc`);
    chmodSync(`${jail}/proc`, 0o1777);
    t.match(await updateJail({ directory: jail }), { changes: [], left: [] });
    t.equal(lstatSync(`${jail}/run`).uid, 33);
    t.equal(lstatSync(`${jail}/proc`).mode & 0o7777, 0o1777);
  },
);

// The update was refused, of a jail that an earlier version has built: "/run is a link to var/run in the jail".
t.test(
  'an update leaves a link or a file that somebody has made in the place of a mount point',
  asRoot,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    t.match(uchrootJail(['build', jail, 'ls']), { status: 0, stderr: '' });
    forget(jail);
    symlinkSync('var/run', `${jail}/run`);
    writeFileSync(`${jail}/proc`, '');
    t.match(await updateJail({ directory: jail, plan: true }), { changes: [], left: [] });
    t.match(await updateJail({ directory: jail }), { changes: [], left: [] });
    t.equal(readlinkSync(`${jail}/run`), 'var/run');
    t.ok(lstatSync(`${jail}/proc`).isFile());
  },
);

t.test(
  'a mount point that the builder has made and somebody has replaced is told, and restored by its name',
  asRoot,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    t.match(uchrootJail(['build', jail, 'ls']), { status: 0, stderr: '' });
    rmdirSync(`${jail}/run`);
    symlinkSync('/tmp', `${jail}/run`);
    chownSync(`${jail}/proc`, 33, 33);
    t.match((await updateJail({ directory: jail })).left, [{ path: '/run', because: 'changed' }]);
    await updateJail({ directory: jail, replace: ['/run', '/proc'] });
    t.ok(lstatSync(`${jail}/run`).isDirectory());
    t.equal(lstatSync(`${jail}/proc`).uid, 0);
  },
);

t.test('mount points can be left out', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  const built = uchrootJail(['build', jail, 'ls', '--without', '/run']);
  t.match(built, { status: 0, stderr: '' });
  t.same(
    ['proc', 'dev', 'run'].map((name) => existsSync(`${jail}/${name}`)),
    [true, true, false],
  );
});
