import t from 'tap';

import type { Part } from '../../../lib/jail/inventory/inventory.ts';
import { packageUrl } from '../../../lib/jail/inventory/package-url.ts';

const debian = { id: 'debian', versionId: '13', codename: 'trixie' };
const part = (type: Part['type'], name: string, version: string, source?: string): Part => {
  const [word = '', sourceVersion = version] = source?.split(' ') ?? [];
  const origin = { source: word, version: sourceVersion, architecture: 'amd64' };
  return { type, name, version, ...(source !== undefined && { origin }) };
};

t.test('a package has the URL by which advisories know it', async (t) => {
  for (const [given, url] of [
    [part('deb', 'bash', '5.2-1', 'bash'), 'pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-13'],
    // another name of the source, and a rebuild of the binary alone
    [
      part('deb', 'libstdc++6', '1:14.2.0-19+b1', 'gcc-14 14.2.0~rc1-19'),
      'pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19%2Bb1?arch=amd64&distro=debian-13&upstream=gcc-14%4014.2.0~rc1-19',
    ],
    [
      part('deb', 'libssl3', '3.5', 'openssl'),
      'pkg:deb/debian/libssl3@3.5?arch=amd64&distro=debian-13&upstream=openssl',
    ],
    [part('deb', 'bash', '5.2-1'), 'pkg:deb/debian/bash@5.2-1?distro=debian-13'],
    [part('npm', '@Types/node', '20.1.0'), 'pkg:npm/%40types/node@20.1.0'],
    [part('pypi', 'Foo_Bar.baz', '1!2.0+local'), 'pkg:pypi/foo-bar.baz@1%212.0%2Blocal'],
    [part('gem', 'rake', '13.0.6'), 'pkg:gem/rake@13.0.6'],
  ] as const)
    t.equal(packageUrl(given, debian), url);
  t.equal(packageUrl(part('deb', 'bash', '5.2-1'), undefined), 'pkg:deb/debian/bash@5.2-1');
  t.equal(
    packageUrl(part('deb', 'bash', '5.2-1'), { id: 'ubuntu', versionId: '26.04' }),
    'pkg:deb/ubuntu/bash@5.2-1?distro=ubuntu-26.04',
  );
});
