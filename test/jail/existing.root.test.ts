// Files that are in a jail before the builder comes to it for the first time.

import { chownSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { faultsOf, uchrootJail } from '../support/builder.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };

t.test('build leaves what was in a jail before, and says so', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  mkdirSync(`${root}/opt/lib`, { recursive: true });
  mkdirSync(`${jail}/usr`, { recursive: true });
  mkdirSync(`${jail}/opt/lib`, { recursive: true });
  writeFileSync(`${root}/opt/lib/data`, "the host's");
  writeFileSync(`${root}/opt/lib/same`, 'same');
  writeFileSync(`${jail}/opt/lib/data`, "the jail's");
  writeFileSync(`${jail}/opt/lib/same`, 'same');
  const args = ['build', jail, '--from', root, '--copy', '/opt/lib'];
  const { status, stdout } = uchrootJail(args);
  t.equal(status, 3);
  t.match(stdout, /left as it is: \/opt\/lib\/data: it was in the jail before: /);
  t.equal(readFileSync(`${jail}/opt/lib/data`, 'utf8'), "the jail's");
  t.match(uchrootJail(['update', jail]), { status: 3 }, 'each time');
  t.equal(readFileSync(`${jail}/opt/lib/data`, 'utf8'), "the jail's");
  t.match(uchrootJail([...args, '--replace', '/opt/lib/data']), { status: 0 });
  t.equal(readFileSync(`${jail}/opt/lib/data`, 'utf8'), "the host's");
  t.same(faultsOf(jail), []);
});

t.test('a link or a pipe at /etc/passwd is replaced, and not silently', asRoot, async (t) => {
  for (const [make, words] of [
    [(at: string) => symlinkSync('/tmp/passwd', at), 'a link to /tmp/passwd'],
    [(at: string) => void start(['mkfifo', at]), 'a special file'],
  ] as const) {
    const jail = `${makeDirectory(t)}/jail`;
    mkdirSync(`${jail}/usr`, { recursive: true });
    mkdirSync(`${jail}/etc`);
    make(`${jail}/etc/passwd`);
    const { warnings } = await buildJail({ directory: jail, packs: ['base'] });
    t.ok(
      warnings.includes(`/etc/passwd was ${words} in the jail: it is replaced by that of the host`),
      words,
    );
    t.ok(lstatSync(`${jail}/etc/passwd`).isFile());
  }
});

t.test(
  'a directory of root’s that was there before is given to the user whose data it is for',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const [root, jail] = [`${base}/root`, `${base}/jail`];
    mkdirSync(`${root}/srv/app`, { recursive: true });
    chownSync(`${root}/srv/app`, 65534, 65534);
    mkdirSync(`${jail}/usr`, { recursive: true });
    mkdirSync(`${jail}/srv/app`, { recursive: true });
    await buildJail({ directory: jail, from: root, users: ['nobody'], copies: ['/srv/app'] });
    t.equal(statSync(`${jail}/srv/app`).uid, 65534);
    t.same(faultsOf(jail), []);
  },
);
