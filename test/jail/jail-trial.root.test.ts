// The messages of the builder's trial about a jail that cannot work.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };

function putScript(root: string, name: string, text: string): void {
  writeFileSync(`${root}/usr/bin/${name}`, `#!/bin/bash\n${text}\n`);
  chmodSync(`${root}/usr/bin/${name}`, 0o755);
}

t.test(
  'no success is reported without a word for a program that says in the jail that its own files are missing',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const root = `${base}/root`;
    makeSystem(root, '/bin/bash');
    mkdirSync(`${root}/usr/bin`, { recursive: true });
    mkdirSync(`${root}/var/lib/dpkg/info`, { recursive: true });
    writeFileSync(
      `${root}/var/lib/dpkg/info/erl.list`,
      '/.\n/usr\n/usr/bin\n/usr/bin/erl\n/usr/bin/well\n/usr/bin/hugo\n/usr/bin/go\n',
    );
    writeFileSync(
      `${root}/var/lib/dpkg/status`,
      'Package: erl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDescription: x\n\n',
    );
    putScript(root, 'erl', 'echo "erlexec: The emulator \'smp\' does not exist." >&2; exit 1');
    putScript(root, 'well', 'exit 0');
    putScript(root, 'nobodys', 'echo "x: not found"; exit 1');
    putScript(root, 'hugo', '# /proc/self/exe\necho "cannot find data" >&2; exit 1');
    putScript(root, 'go', '[[ -e /proc/self/exe ]] || { echo "cannot find data" >&2; exit 1; }');
    const more = await buildJail({
      directory: `${base}/more`,
      from: root,
      programs: ['/usr/bin/hugo', '/usr/bin/go'],
    });
    t.match(more.warnings.toSorted(), [
      /^\/usr\/bin\/go --version fails .*; mkdir -p \S+\/proc && mount -t proc /,
      /^\/usr\/bin\/hugo --version fails .* --learn /,
    ]);
    const report = await buildJail({
      directory: `${base}/jail`,
      from: root,
      programs: ['/usr/bin/erl', '/usr/bin/well', '/usr/bin/nobodys'],
    });
    t.match(report.warnings, [/^\/usr\/bin\/erl --version fails in the jail: .*does not exist/]);
    t.equal(report.warnings.length, 1, 'a program that belongs to no package is not started');
  },
);

t.test("the trial does not complain of the builder's own time zone", asRoot, async (t) => {
  const base = makeDirectory(t);
  const { status, stderr } = uchrootJail(['build', `${base}/jail`, '/bin/date'], {
    env: { ...process.env, TZ: 'Asia/Tokyo' },
  });
  t.equal(status, 0);
  t.notMatch(stderr, 'Tokyo');
});
