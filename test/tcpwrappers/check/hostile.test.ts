// Whatever is in the files, they are checked, translated and explained: nothing throws, and no text gets out of its line.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';

import { checkHosts } from '../../../lib/tcpwrappers/check/hosts-check.ts';
import { explain } from '../../../lib/tcpwrappers/check/explanation.ts';
import { exportNftables, exportSystemd } from '../../../lib/tcpwrappers/export/export.ts';
import { openHosts } from '../../../lib/tcpwrappers/hosts.ts';
import { makeDirectory } from '../../support/directory.ts';
import { freshSeed, Random } from '../../support/tcpwrappers-random.ts';
import { makeRules } from '../../support/tcpwrappers/libwrap/generate.ts';
import { makeWorld } from '../../support/tcpwrappers/libwrap/world.ts';

/** Bytes that mean something to one of the readers, in any order. */
const PIECES =
  'ALL EXCEPT 10.0.0.0/8 [::]/0 service { } server ExecStart= tcp nowait root tcpd run -- --jail spawn ports'
    .split(' ')
    .concat('\0\n\r\\ \t:@/[]%*.,#="\x1b\xff'.split(''), '/usr/sbin/tcpd', 'x'.repeat(300));

function noise(random: Random): string {
  return random.list(0, 60, () => random.pick(PIECES)).join('');
}

function makeHost(t: Test): string {
  const directory = makeDirectory(t);
  return directory;
}

const CONTROL = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028]/;

t.test('hostile files are checked, translated and explained', async (t) => {
  const seed = freshSeed();
  const random = new Random(seed);
  const root = makeHost(t);
  const put = (name: string, text: string): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), Buffer.from(text, 'latin1'));
  };
  for (let i = 0; i < 80; i++) {
    const world = makeWorld(random, root);
    for (const name of ['allow', 'deny']) {
      const rules = makeRules(random, world, 8);
      put(name, typeof rules === 'string' || random.oneIn(3) ? noise(random) : rules.text);
    }
    for (const name of [
      'one',
      'etc/inetd.conf',
      'etc/xinetd.d/x',
      'usr/lib/systemd/system/x.service',
      'usr/sbin/x',
    ])
      put(name, noise(random));
    const files = { allow: join(root, 'allow'), deny: join(root, 'deny') };
    const findings = await checkHosts({ ...files, root, lookups: false, implicitAllow: true });
    const { tables } = openHosts(files);
    const options = { ports: [], units: [{ daemon: 'sshd', unit: 'ssh.service' }], root };
    const exported = [exportNftables(tables, options), exportSystemd(tables, options)];
    const client = { address: '192.0.2.1', name: 'unknown', user: 'joe' };
    const explained = await explain(tables, { daemon: 'sshd', client, server: { name: 'unknown' } }, 1000);
    const texts = [
      ...findings.map(({ message, remedy }) => `${message} ${remedy}`),
      ...exported.flatMap((one) => ('files' in one ? one.files.map(({ text }) => text) : [])),
      ...explained.passed.map(({ why }) => why),
    ];
    const bad = texts.find((text) => CONTROL.test(text));
    if (bad !== undefined) {
      t.fail(`UCHROOT_SEED=${seed}: ${JSON.stringify(bad)}`);
      return;
    }
  }
  t.pass(`UCHROOT_SEED=${seed}`);
});

t.test('a control character in an address without brackets stays in its line', async (t) => {
  const root = makeHost(t);
  const files = { allow: join(root, 'allow'), deny: join(root, 'deny') };
  writeFileSync(files.allow, 'sshd: fe80::1%1/\x0b64\n');
  writeFileSync(files.deny, '');
  const findings = await checkHosts({ ...files, root, lookups: false });
  const found = findings.find(({ rule }) => rule === 'unbracketed-ipv6');
  t.match(found, { message: /^fe80::1%1\/\\x0b64 is not/, remedy: /\\x0b64$/ });
  t.notMatch(`${found?.message}${found?.remedy}`, CONTROL);
});
