import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { describeTree, everythingIn, faultsOf, runIn, uchrootJail } from '../support/builder.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

t.test('a file that is copied and is no program is refused as a program', asRoot, (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/conf`, 'x');
  const copy = ['--copy', `${base}/conf`, `${base}/conf`];
  t.match(uchrootJail(['build', `${base}/jail`, ...copy, '/bin/true']), {
    status: 1,
    stderr: `hint: leave ${base}/conf out as a program: --copy has it already\n`,
  });
  t.notOk(existsSync(`${base}/jail`), 'nothing is built');
  t.match(uchrootJail(['build', `${base}/jail`, '--copy', '/bin/true', '/bin/true']), {
    status: 0,
    stderr: '',
  });
  t.end();
});

t.test('a file is copied to its own place, or to the one that is named', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/conf`, 'x');
  writeFileSync(`${base}/a:b`, 'colon');
  const jail = `${base}/jail`;
  const copies = [`${base}/conf`, `${base}/conf:/etc/app/conf`, `${base}/a:b`, `${base}/a:b:/a:b`];
  const words = ['build', jail, ...copies.flatMap((copy) => ['--copy', copy])];
  t.match(uchrootJail(words), { status: 0, stderr: '' });
  for (const path of [`${base}/conf`, '/etc/app/conf', `${base}/a:b`, '/a:b'])
    t.ok(lstatSync(`${jail}${path}`).isFile(), path);
  t.equal(readFileSync(`${jail}/a:b`, 'utf8'), 'colon');
  t.same(faultsOf(jail), []);
});

t.test('a copy at another place is kept up to date from where it came', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/conf`, 'one');
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, copies: [{ from: `${base}/conf`, to: '/opt/app/conf' }] });
  writeFileSync(`${base}/conf`, 'two');
  t.match((await updateJail({ directory: jail })).changes, [{ kind: 'changed', path: '/opt/app/conf' }]);
  t.equal(readFileSync(`${jail}/opt/app/conf`, 'utf8'), 'two');
});

t.test(
  'a tree is copied with its links as links and its devices left out',
  needs('mkfifo', 'mknod'),
  async (t) => {
    const base = makeDirectory(t);
    const tree = `${base}/app`;
    mkdirSync(`${tree}/v2/deep`, { recursive: true });
    writeFileSync(`${tree}/v2/deep/data`, 'x');
    symlinkSync('v2', `${tree}/current`);
    symlinkSync('/no/such', `${tree}/dangling`);
    symlinkSync('circle', `${tree}/circle`);
    start(['mkfifo', `${tree}/fifo`]);
    start(['mknod', `${tree}/disk`, 'b', '7', '0']);
    const jail = `${base}/jail`;
    const { warnings } = await buildJail({ directory: jail, copies: [{ from: tree, to: '/srv/app' }] });
    t.same(warnings, [`neither file nor directory, and so left out: ${tree}/disk, ${tree}/fifo`]);
    t.same(everythingIn(`${jail}/srv`), [
      'app',
      'app/circle',
      'app/current',
      'app/dangling',
      'app/v2',
      'app/v2/deep',
      'app/v2/deep/data',
    ]);
    t.equal(readlinkSync(`${jail}/srv/app/current`), 'v2');
    t.equal(readlinkSync(`${jail}/srv/app/dangling`), '/no/such');
    await buildJail({ directory: `${base}/second`, copies: [tree] });
    t.equal(readFileSync(`${base}/second${tree}/current/deep/data`, 'utf8'), 'x', 'also at its own place');
  },
);

t.test('a program in a copied tree brings what it needs to start', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/app`);
  writeFileSync(`${base}/app/script`, '#!/bin/sh\necho "it runs"\n', { mode: 0o755 });
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, copies: [{ from: `${base}/app`, to: '/srv/app' }] });
  t.equal(runIn(jail, '/srv/app/script'), 'it runs\n');
});

t.test(
  'a file that is not world-readable is copied only by --copy, and keeps its mode',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    mkdirSync(`${base}/tree`);
    writeFileSync(`${base}/tree/key`, 'secret', { mode: 0o600 });
    writeFileSync(`${base}/tree/public`, 'x', { mode: 0o644 });
    const jail = `${base}/jail`;
    await buildJail({ directory: jail, copies: [`${base}/tree`], users: ['nobody'] });
    const key = statSync(`${jail}${base}/tree/key`);
    t.same([key.mode & 0o7777, key.uid, key.gid], [0o600, 0, 0]);
    chmodSync(`${base}/tree`, 0o700);
    chownSync(`${base}/tree/key`, 65534, 65534);
    await updateJail({ directory: jail });
    const theirs = statSync(`${jail}${base}/tree/key`);
    t.same([theirs.mode & 0o7777, theirs.uid], [0o600, 65534], 'of a user that the jail is for');
    t.equal(statSync(`${jail}${base}/tree`).mode & 0o7777, 0o700);
    t.same(faultsOf(jail), []);
  },
);

t.test(
  'an update gives a program with privileges the file capabilities that it has on the host',
  needs('setcap', 'getcap'),
  async (t) => {
    const base = makeDirectory(t);
    const [program, jail] = [`${base}/capable`, `${base}/jail`];
    copyFileSync('/bin/cat', program);
    const set = (...words: readonly string[]) => t.equal(start(['setcap', ...words]).status, 0);
    const inJail = () =>
      start(['getcap', `${jail}${program}`])
        .stdout.replace(/^\S+ /, '')
        .trim();
    const warnings = [`${program} has the host's file capabilities again`];
    set('cap_net_raw+ep', program);
    await buildJail({ directory: jail, programs: [program], keepPrivileges: [program] });
    set('-r', program);
    t.match(await updateJail({ directory: jail, plan: true }), { warnings });
    t.equal(inJail(), 'cap_net_raw=ep');
    t.match(await updateJail({ directory: jail }), { warnings, left: [] });
    t.equal(inJail(), '');
    t.same((await updateJail({ directory: jail })).warnings, []);
    set('cap_net_raw+ep', program);
    await updateJail({ directory: jail });
    t.equal(inJail(), 'cap_net_raw=ep');
    set('-r', `${jail}${program}`); // as after a backup without extended attributes
    t.match(await updateJail({ directory: jail }), { warnings, left: [] });
    t.equal(inJail(), 'cap_net_raw=ep');
    set('cap_net_bind_service+ep', program);
    await updateJail({ directory: jail });
    t.equal(inJail(), 'cap_net_bind_service=ep');
  },
);

t.test(
  'set-user-ID and file capabilities go, unless they are named',
  needs('setcap', 'getcap'),
  async (t) => {
    const base = makeDirectory(t);
    const names = ['setuid', 'setgid', 'capable'];
    for (const name of names) copyFileSync('/bin/cat', `${base}/${name}`);
    chownSync(`${base}/setgid`, 0, 8);
    chmodSync(`${base}/setuid`, 0o4755);
    chmodSync(`${base}/setgid`, 0o2755);
    t.equal(start(['setcap', 'cap_net_raw+ep', `${base}/capable`]).status, 0);
    const programs = names.map((name) => `${base}/${name}`);
    const describe = (jail: string) =>
      names.map((name) => {
        const { mode, uid, gid } = statSync(`${jail}${base}/${name}`);
        const capabilities = start(['getcap', `${jail}${base}/${name}`])
          .stdout.replace(/^\S+ /, '')
          .trim();
        return [name, (mode & 0o7777).toString(8), uid, gid, capabilities].join(' ').trim();
      });
    const plain = ['setuid 755 0 0', 'setgid 755 0 0', 'capable 755 0 0'];
    const kept = ['setuid 4755 0 0', 'setgid 2755 0 8', 'capable 755 0 0 cap_net_raw=ep'];
    await buildJail({ directory: `${base}/plain`, programs });
    t.same(describe(`${base}/plain`), plain);
    const jail = `${base}/kept`;
    await buildJail({ directory: jail, programs, keepPrivileges: programs });
    t.same(describe(jail), kept);
    t.same(faultsOf(jail), []);
    await updateJail({ directory: jail });
    t.same(describe(jail), kept, 'after an update too');
    for (const [index, program] of programs.entries()) {
      const { changes } = await buildJail({ directory: `${base}/plain`, keepPrivileges: [program] });
      t.match(changes, [{ kind: 'changed', path: program }]);
      t.same(describe(`${base}/plain`), [...kept.slice(0, index + 1), ...plain.slice(index + 1)]);
    }
  },
);

t.test(
  'a copy of what is not there, or is a device, is refused before anything is made',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const refused = (copy: string | { readonly from: string; readonly to: string }, message: RegExp) =>
      t.rejects(buildJail({ directory: `${base}/jail`, programs: ['bash'], copies: [copy] }), {
        name: 'UsageError',
        message,
      });
    await refused(`${base}/none`, /^copy \S+\/none: it is not there$/);
    await refused('/dev/null', /^copy \/dev\/null: it is neither a file nor a directory$/);
    await refused({ from: base, to: '/.uchroot/x' }, /must be a path of the jail where a copy can be/);
    await refused({ from: base, to: '/a/../..' }, /must be a path of the jail where a copy can be/);
    symlinkSync('loop', `${base}/loop`);
    await refused(`${base}/loop`, /lead in a circle/);
    t.notOk(existsSync(`${base}/jail`));
  },
);

t.test(
  'a path that would be a directory and something else is refused, and the jail stays as it is',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const jail = `${base}/jail`;
    mkdirSync(`${base}/app/releases/1`, { recursive: true });
    symlinkSync('releases/1', `${base}/app/current`);
    for (const name of ['app/releases/1/env', 'prod.env']) writeFileSync(`${base}/${name}`, name);
    t.match(uchrootJail(['build', jail, 'true', '--copy', `${base}/app:/srv/app`]), {
      status: 0,
      stderr: '',
    });
    const before = describeTree(jail);
    for (const [to, hint] of [
      ['/etc', '/etc/prod.env'],
      ['/usr/lib', '/usr/lib/prod.env'],
      ['/srv/app/current/env', '/srv/app/releases/1'],
      ['/srv/app/releases/1/env/x', '/srv/app/releases/1/env/env'],
    ] as const)
      for (const plan of [[], ['--plan']]) {
        const words = ['build', jail, ...plan, '--copy', `${base}/prod.env:${to}`];
        const told = {
          status: 1,
          stderr: `would be both a directory and a \\w+\nhint: name another DEST, such as ${hint}\n`,
        };
        const { status, stderr } = uchrootJail(words);
        t.match({ status, stderr }, { ...told, stderr: new RegExp(told.stderr) }, words.join(' '));
      }
    t.match(uchrootJail(['update', jail]), { status: 0, stderr: '' });
    t.same(describeTree(jail), before);
    const exact = ['--copy', `${base}/prod.env:/srv/app/releases/1/env`];
    t.match(uchrootJail(['build', jail, ...exact]), { status: 0, stderr: '' });
    t.equal(readFileSync(`${jail}/srv/app/current/env`, 'utf8'), 'prod.env');
    t.same(faultsOf(jail), []);
  },
);

t.test(
  'the group does not get in the jail what a list of the host allows others',
  needs('setfacl'),
  async (t) => {
    const base = makeDirectory(t);
    const jail = `${base}/jail`;
    const app = `${base}/app`;
    mkdirSync(app);
    writeFileSync(`${app}/read`, 'x');
    writeFileSync(`${app}/written`, 'x');
    for (const [name, mode, list] of [
      ['', 0o700, 'u:8:rwx'],
      ['/read', 0o600, 'u:8:r'],
      ['/written', 0o640, 'u:8:rw'],
    ] as const) {
      chmodSync(app + name, mode);
      t.equal(start(['setfacl', '-m', list, app + name]).status, 0);
      chownSync(app + name, 65534, 65534);
    }
    const modes = () =>
      ['', '/read', '/written'].map((name) => statSync(`${jail}/srv/app${name}`).mode & 0o777);
    await buildJail({ directory: jail, copies: [{ from: app, to: '/srv/app' }], users: ['nobody'] });
    t.same(modes(), [0o700, 0o600, 0o640]);
    t.equal(start(['setfacl', '-m', 'g::r-x', app]).status, 0);
    await updateJail({ directory: jail, replace: ['/srv/app'] });
    t.same(modes(), [0o750, 0o600, 0o640]);
  },
);

t.test('a jail that lies in what is copied is not copied into itself', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/file`, 'x');
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, copies: [base], programs: ['bash'] });
  const before = describeTree(jail);
  t.same(everythingIn(`${jail}${base}`), ['file', 'jail']);
  await updateJail({ directory: jail });
  t.same(describeTree(jail), before);
});

t.test(
  'a default access control list above the jail gives nobody anything in it',
  needs('setfacl'),
  async (t) => {
    const base = makeDirectory(t);
    mkdirSync(`${base}/from`);
    writeFileSync(`${base}/from/file`, 'x');
    chmodSync(`${base}/from/file`, 0o664);
    chownSync(`${base}/from/file`, 65534, 65534);
    mkdirSync(`${base}/jails`);
    execFileSync('sh', ['-c', 'setfacl -d -m u:61009:rwx "$0"', `${base}/jails`]);
    const directory = `${base}/jails/jail`;
    await buildJail({
      directory,
      programs: ['bash'],
      users: ['nobody'],
      copies: [{ from: `${base}/from`, to: '/opt/from' }],
    });
    t.equal(statSync(`${directory}/opt/from/file`).mode & 0o777, 0o664);
    for (const name of readdirSync(directory)) {
      if (name === '.uchroot') continue; // only root can search it
      const lists = execFileSync('sh', ['-c', 'getfacl -R -p -n "$0"', `${directory}/${name}`], {
        encoding: 'utf8',
      });
      t.notMatch(lists, '61009', name);
    }
  },
);

t.test('a tree of more directories than the process may open is copied', asRoot, async (t) => {
  const base = makeDirectory(t);
  for (let i = 0; i < 300; i++) {
    mkdirSync(`${base}/tree/${i}`, { recursive: true });
    writeFileSync(`${base}/tree/${i}/file`, 'x');
  }
  const by = ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh'];
  const words = ['build', `${base}/jail`, '--copy', `${base}/tree:/tree`];
  t.match(uchrootJail(words, { by }), { status: 0, stderr: '' });
  t.equal(everythingIn(`${base}/jail/tree`).length, 600);
});
