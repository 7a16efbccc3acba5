// Two jails, and a jail and its image: what differs, as the command prints it. Runs the commands of doc/uchroot-jail.md.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { compareJails } from '../../lib/jail/compare-jails.ts';
import { describeJail } from '../../lib/jail/describe-jail.ts';
import { exportJail } from '../../lib/jail/export-jail.ts';
import { faultsOfBill } from '../support/bill.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd', 'setcap', 'tar') };

async function makeJail(base: string): Promise<string> {
  const from = `${base}/root`;
  makeSystem(from, '/bin/bash', '/bin/cat');
  mkdirSync(`${from}/srv/app/node_modules/x`, { recursive: true });
  writeFileSync(`${from}/srv/app/node_modules/x/package.json`, '{"name":"x","version":"1.0.0"}');
  writeFileSync(Buffer.from(`${from}/srv/app/latin\xe9\x1b[2J`, 'latin1'), 'x');
  mkdirSync(`${from}/etc`, { recursive: true });
  writeFileSync(`${from}/etc/os-release`, 'ID=debian\nVERSION_ID=13\n');
  mkdirSync(`${from}/var/lib/dpkg/info`, { recursive: true });
  writeFileSync(`${from}/var/lib/dpkg/info/bash.list`, '/.\n/bin\n/bin/bash\n/usr/bin/bash\n');
  writeFileSync(
    `${from}/var/lib/dpkg/status`,
    'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n',
  );
  start(['setcap', 'cap_net_raw+ep', `${from}/bin/cat`]);
  const directory = `${base}/jail`;
  const programs = ['/bin/bash', '/bin/cat'];
  await buildJail({ directory, from, programs, copies: ['/srv/app'], keepPrivileges: ['/bin/cat'] });
  return directory;
}

t.test('a jail and its image hold the same, until one of both changes', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = await makeJail(base);
  writeFileSync(`${jail}/tmp/made-by-a-program`, '');
  const [oci, tar] = [`${base}/images/jail.tar`, `${base}/jail.root.tar`];
  mkdirSync(`${base}/images`);
  await exportJail({ directory: jail, file: oci, tag: 'own/jail:1' });
  await exportJail({ directory: jail, file: tar, format: 'tar' });
  const none = { packages: [], files: [], missing: { before: [], after: [] } };
  for (const after of [oci, tar]) t.same(await compareJails({ before: jail, after }), none, after);
  t.match(uchrootJail(['diff', jail, `${oci}:own/jail:1`]), { status: 0, stdout: '', stderr: '' });
  for (const format of ['spdx', 'cyclonedx'] as const) {
    const { text } = await describeJail({ directory: oci, format });
    t.equal(
      text,
      (await describeJail({ directory: jail, format })).text,
      'the image has the bill of its jail',
    );
  }

  await cloneJail({ template: jail, directory: `${base}/twin` });
  rmSync(`${base}/twin/srv/app/node_modules/x/package.json`);
  writeFileSync(`${base}/twin/etc/passwd`, 'more\n');
  const odd = Buffer.from(`${base}/twin/srv/app/latin\xe9\x1b[2J`, 'latin1');
  chmodSync(odd, 0o600);
  chownSync(odd, 7, 8);
  start(['setcap', '-r', `${base}/twin/bin/cat`]);
  const lines = [
    'package npm x: not there → 1.0.0',
    'changed /etc/passwd: content 5 bytes → ',
    'added /srv/app/node_modules/x/package.json',
    String.raw`changed /srv/app/latin\xe9\x1b[2J: mode 0600 → 0644; owner 7:8 → 0:0`,
    'changed /usr/bin/cat: capabilities none → 01000002',
  ];
  const { status, stdout, stderr } = uchrootJail(['diff', `${base}/twin`, oci]);
  t.equal(status, 1);
  t.match(
    stderr,
    /^uchroot-jail: warning: no longer in \S+\/twin: \/srv\/app\/node_modules\/x\/package\.json\n$/,
  );
  for (const line of lines) t.ok(stdout.includes(line), `${line}\n${stdout}`);
  t.equal(stdout.split('\n').length - 1, lines.length);
  const json = uchrootJail(['diff', jail, `${base}/twin`, '--format', 'json']);
  t.equal(json.status, 1);
  t.match(JSON.parse(json.stdout), {
    version: 1,
    packages: [{ type: 'npm', name: 'x', before: ['1.0.0'], after: [] }],
    missing: { after: ['/srv/app/node_modules/x/package.json'] },
  });
  t.match(uchrootJail(['diff', jail, `${base}/none`]), { status: 2, stdout: '', stderr: /none: no such/ });
  t.match(uchrootJail(['diff', jail]), { status: 2, stdout: '', stderr: /B is missing/ });
});

t.test('an image of others has the packages that it says, and all of its files', asRoot, async (t) => {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  const put = (path: string, text: string) => {
    mkdirSync(`${root}${path.replace(/\/[^/]*$/, '')}`, { recursive: true });
    writeFileSync(`${root}${path}`, text);
  };
  const pack = (name: string): string => {
    execFileSync('tar', ['-cf', `${base}/${name}.tar`, '-C', root, '.']);
    return `${base}/${name}.tar`;
  };
  put('/usr/lib/os-release', 'ID=debian\nVERSION_ID="12"\n');
  // as distroless images have them, and with names that no package has
  put(
    '/var/lib/dpkg/status.d/libssl3',
    'Package: libssl3\nVersion: 3.0.1\nArchitecture: amd64\nSource: openssl\n',
  );
  put('/var/lib/dpkg/status.d/libssl3.md5sums', '0  usr/lib/libssl.so.3\n');
  put('/var/lib/dpkg/status.d/hostile', 'Package: a\u001b[2J\nVersion: 1\n');
  put('/var/lib/dpkg/status.d/worse', 'Package: b\nVersion: 1 \u001b[2J\n');
  put('/lib/apk/db/installed', 'P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl-src\n\nP:a b\nV:1\nA:x\n\n');
  put('/srv/node_modules/big/package.json', `{"name":"big","version":"1.0.0"${' '.repeat(1 << 20)}}`);
  put('/usr/bin/tool', 'x');
  const file = pack('distroless');
  const { text, unclear } = await describeJail({ directory: file });
  t.same(faultsOfBill('spdx', JSON.parse(text)), []);
  t.match(text, 'pkg:deb/debian/libssl3@3.0.1?arch=amd64&distro=debian-12&upstream=openssl');
  t.match(text, 'pkg:apk/debian/musl@1.2.5-r0?arch=x86_64&distro=debian-12&upstream=musl-src');
  const named = (bill: string) => bill.match(/"referenceLocator".*/g);
  t.equal(named(text)?.length, 2);
  await buildJail({ directory: `${base}/jail`, image: file });
  t.same(named((await describeJail({ directory: `${base}/jail` })).text), named(text), 'and its jail');
  t.match(text, '"fileName": "./usr/bin/tool"');
  t.same(unclear, ['/srv/node_modules/big/package.json']);

  // A manifest of others hides no file, and its hashes are compared.
  const head = { format: 1, recipe: {}, packs: [], packages: {} };
  const line = {
    path: '/usr/bin/tool',
    kind: 'file',
    mode: '0644',
    sizeBytes: 1,
    sha256: '0'.repeat(64),
    how: 'exported',
  };
  put('/.uchroot/manifest.json', JSON.stringify({ ...head, entries: [line] }));
  const forged = await describeJail({ directory: pack('forged') });
  t.same(forged.changed, ['/usr/bin/tool']);
  t.match(forged.text, '"fileName": "./var/lib/dpkg/status.d/libssl3"');
  put('/.uchroot/manifest.json', '{"format":1');
  await t.rejects(describeJail({ directory: pack('damaged') }), { code: 'ERR_MANIFEST' });
  writeFileSync(`${base}/text`, 'no image');
  await t.rejects(describeJail({ directory: `${base}/text` }), {
    code: 'ERR_IMAGE',
    message: /no tar archive/,
  });
});
