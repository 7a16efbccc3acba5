// The bill of materials of a jail, as the command prints it. Runs the commands of doc/uchroot-jail.md.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { describeJail } from '../../lib/jail/describe-jail.ts';
import { faultsOfBill } from '../support/bill.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };

const status = (name: string, more: string) =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\n${more}\n\n`;

t.test('a jail has the packages of the host, and those of languages', asRoot, async (t) => {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  makeSystem(root, '/bin/bash');
  const put = (path: string, text: string) => {
    mkdirSync(`${root}${path.replace(/\/[^/]*$/, '')}`, { recursive: true });
    writeFileSync(`${root}${path}`, text);
  };
  put('/etc/os-release', 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n');
  put('/var/lib/dpkg/info/bash.list', '/.\n/bin\n/bin/bash\n/usr/bin/bash\n');
  put('/var/lib/dpkg/status', status('bash', 'Source: bash-src (5.2)\nVersion: 5.2-1+b1'));
  put('/srv/app/node_modules/left-pad/package.json', '{"name":"left-pad","version":"1.3.0"}');
  put('/srv/app/node_modules/hostile/package.json', '{"name":"\u001b[2J"');
  put('/srv/app/six-1.17.0.dist-info/METADATA', 'Name: six\nVersion: 1.17.0\n');
  put('/srv/app/one', '1');
  put('/srv/app/two', '2');
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, from: root, programs: ['/bin/bash'], copies: ['/srv/app'] });
  writeFileSync(`${jail}/tmp/made-by-a-program`, '');
  writeFileSync(`${jail}/srv/app/one`, 'not as it was');
  rmSync(`${jail}/srv/app/two`);
  symlinkSync('/etc/shadow', `${jail}/srv/app/two`);

  const env = { SOURCE_DATE_EPOCH: '86400' };
  const spdx = uchrootJail(['sbom', jail], { env });
  const cyclone = uchrootJail(['sbom', '--format', 'cyclonedx', jail]);
  for (const { status, stderr } of [spdx, cyclone]) {
    t.equal(status, 0);
    t.match(
      stderr,
      /warning: not as they were built.*: \/srv\/app\/one, \/srv\/app\/two; uchroot-jail check /,
    );
    t.match(
      stderr,
      /warning: no metadata of a package.*: \/srv\/app\/node_modules\/hostile\/package\.json\n/,
    );
  }
  const document = JSON.parse(spdx.stdout) as {
    packages: { externalRefs?: { referenceLocator: string }[] }[];
  };
  t.same(faultsOfBill('spdx', document), []);
  t.same(faultsOfBill('cyclonedx', JSON.parse(cyclone.stdout)), []);
  t.match(document, { name: 'jail', creationInfo: { created: '1970-01-02T00:00:00Z' } });
  t.same(
    document.packages.flatMap(({ externalRefs = [] }) => externalRefs.map((one) => one.referenceLocator)),
    [
      'pkg:deb/debian/bash@5.2-1%2Bb1?arch=amd64&distro=debian-13&upstream=bash-src%405.2',
      'pkg:npm/left-pad@1.3.0',
      'pkg:pypi/six@1.17.0',
    ],
  );
  t.notMatch(spdx.stdout, /made-by-a-program|app\/two/);
  t.match(spdx.stdout, /"It is not as it was built\."/);

  await cloneJail({ template: jail, directory: `${base}/twin/jail` });
  const [one, two] = [
    await describeJail({ directory: jail }),
    await describeJail({ directory: `${base}/twin/jail` }),
  ];
  t.equal(two.text, one.text, 'the same jail gives the same bytes');
  t.same(two.changed, ['/srv/app/one', '/srv/app/two']);
});

t.test('what is no jail of its own has no bill', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/usr`);
  t.match(uchrootJail(['sbom', base]), { status: 1, stdout: '', stderr: /has no manifest/ });
  await buildJail({ directory: `${base}/host`, packs: ['host'] });
  t.match(uchrootJail(['sbom', `${base}/host`]), {
    status: 1,
    stdout: '',
    stderr: /no programs of its own.*\nhint: /,
  });
  t.match(uchrootJail(['sbom', base, '--format', 'xml']), { status: 1, stderr: /--format/ });
  t.match(uchrootJail(['sbom', base], { env: { SOURCE_DATE_EPOCH: 'now' } }), {
    status: 1,
    stderr: /SOURCE_DATE_EPOCH/,
  });
});
