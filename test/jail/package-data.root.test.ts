// Files of a package that are not for everybody: secrets, and directories for data.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const NOBODY = 65534;

/** A system with a package that has a file, a setting and a directory for data. */
function makePackage(t: Test): { readonly root: string; readonly jail: string } {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  for (const path of ['var/lib/dpkg/info', 'etc/app', 'usr/share/app', 'var/lib/app', 'var/lib/served'])
    mkdirSync(`${root}/${path}`, { recursive: true });
  for (const path of ['etc/app/key', 'etc/app/conf', 'usr/share/app/data'])
    writeFileSync(`${root}/${path}`, path);
  const paths = [
    'etc/app/key',
    'etc/app/conf',
    'usr/share/app/data',
    'var/lib/app',
    'var/lib/served',
    'usr/bin/app',
  ];
  mkdirSync(`${root}/usr/bin`);
  writeFileSync(`${root}/usr/bin/app`, '#!/usr/bin/app2\n');
  writeFileSync(`${root}/var/lib/dpkg/info/app.list`, paths.map((path) => `/${path}\n`).join(''));
  writeFileSync(
    `${root}/var/lib/dpkg/status`,
    'Package: app\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nDescription: x\n\n',
  );
  chmodSync(`${root}/etc/app/key`, 0o640);
  chownSync(`${root}/etc/app/key`, 0, NOBODY);
  chownSync(`${root}/var/lib/served`, 7, 7);
  return { root, jail: `${base}/jail` };
}

t.test(
  'a secret that a user of the jail may read by his group comes only if it is named',
  asRoot,
  async (t) => {
    const { root, jail } = makePackage(t);
    const key = `${jail}/etc/app/key`;
    const args = ['build', jail, '--from', root, '--user', 'nobody', '--package', 'app'];
    const { status, stderr } = uchrootJail(args);
    t.equal(status, 0);
    t.match(
      stderr,
      /left out because not world-readable: \/etc\/app\/key; --copy \/etc\/app\/key copies them\n/,
    );
    t.notOk(existsSync(key));
    const { warnings, warningDetails } = JSON.parse(uchrootJail([...args, '--format', 'json']).stdout) as {
      warnings: readonly string[];
      warningDetails: readonly { message: string }[];
    };
    t.match(warningDetails, [{ kind: 'secret', paths: ['/etc/app/key'] }]);
    t.same(
      warningDetails.map(({ message }) => message),
      warnings,
    );
    t.ok(existsSync(`${jail}/etc/app/conf`));
    t.match(uchrootJail([...args, '--copy', '/etc/app/key']), { status: 0, stderr: '' });
    t.same([statSync(key).mode & 0o7777, statSync(key).uid, statSync(key).gid], [0o640, 0, NOBODY]);
  },
);

t.test("a directory that is root's on the host does not become the jailed user's", asRoot, async (t) => {
  const { root, jail } = makePackage(t);
  const request = { directory: jail, from: root, users: ['nobody'], packages: ['app'] };
  const owner = (name: string) => statSync(`${jail}/var/lib/${name}`).uid;
  await buildJail(request);
  t.equal(owner('app'), 0);
  t.equal(owner('served'), NOBODY, 'what is a service’s on the host is his');
  mkdirSync(`${root}/usr/lib/systemd/system`, { recursive: true });
  const unit = `${root}/usr/lib/systemd/system/app.service`;
  appendFileSync(`${root}/var/lib/dpkg/info/app.list`, '/usr/lib/systemd/system/app.service\n');
  for (const [service, expected] of [
    ['User=daemon\nExecStart=/usr/bin/app', 0],
    ['ExecStart=/usr/bin/app\nType=oneshot', 0],
    ['ExecStart=/usr/bin/app', NOBODY], // a daemon that gives up root by itself
    ['User=daemon\nExecStart=/usr/bin/app\nStateDirectory=app', NOBODY],
  ] as const) {
    rmSync(jail, { recursive: true });
    writeFileSync(unit, `[Service]\n${service}\n`);
    await buildJail(request);
    t.equal(owner('app'), expected, service);
  }
});
