// Open issues of a jail's packages, as the command prints them. Runs the commands of doc/uchroot-jail.md.
import { mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { exportJail } from '../../lib/jail/export-jail.ts';
import { findAdvisories } from '../../lib/jail/find-advisories.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { faultsOfSarif } from '../support/sarif.ts';

t.test(
  'issues of the sources of packages, by the release of the jail',
  { skip: unlessRoot('ldd') },
  async (t) => {
    const base = makeDirectory(t);
    const root = `${base}/root`;
    makeSystem(root, '/bin/bash');
    mkdirSync(`${root}/var/lib/dpkg/info`, { recursive: true });
    mkdirSync(`${root}/etc`, { recursive: true });
    writeFileSync(`${root}/etc/os-release`, 'ID=debian\nVERSION_CODENAME=trixie\n');
    writeFileSync(`${root}/var/lib/dpkg/info/bash.list`, '/.\n/bin\n/bin/bash\n/usr/bin/bash\n');
    writeFileSync(
      `${root}/var/lib/dpkg/status`,
      'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nSource: shell (5.2)\nVersion: 5.2-1+b3\n\n',
    );
    const jail = `${base}/jail`;
    await buildJail({ directory: jail, from: root, programs: ['/bin/bash'] });
    await exportJail({ directory: jail, file: `${base}/jail.tar`, tag: 'own/web:1' });
    const file = `${base}/debian.json`;
    const of = (trixie: object, description?: string) => ({ description, releases: { trixie } });
    const tell = (shell: object) =>
      writeFileSync(file, JSON.stringify({ shell, bash: { 'CVE-9': of({ status: 'open' }) } }));
    const run = (...words: readonly string[]) => uchrootJail(['advisories', jail, file, ...words]);

    tell({ 'CVE-2': of({ status: 'open', urgency: 'unimportant' }, 'hostile \u001b[2J words') });
    t.match(run(), { status: 0, stderr: '' }, 'a note');
    t.match(run().stdout, String.raw`hostile \x1b[2J words`);
    t.match(run('--fail-on', 'note'), { status: 4 });
    tell({
      'CVE-2': of({ status: 'open' }),
      'CVE-1': of({ status: 'resolved', fixed_version: '5.2-0~' }),
      'CVE-0': of({ status: 'resolved', fixed_version: '5.3' }),
      'CVE-3': of({ status: 'resolved', fixed_version: '5.1' }),
    });
    const { status, stdout, stderr } = run();
    t.same({ status, stderr }, { status: 1, stderr: '' });
    t.match(
      stdout,
      /^error fixed: .*\n {2}CVE-0 shell 5\.2, in bash \(closed by 5\.3\)\nwarning open: .*\n {2}CVE-2 .*\n\S+\/jail, trixie: 1 error, 1 warning, 0 notes\n$/,
    );
    t.match(run('--ignore', 'CVE-0'), { status: 0 });
    t.match(run('--ignore', 'CVE-0', '--fail-on', 'warning'), { status: 3 });
    const json = JSON.parse(run('--format', 'json').stdout) as object;
    const report = await findAdvisories({ directory: `${base}/jail.tar`, file });
    t.same(
      json,
      { version: 1, ...report, counts: { error: 1, warning: 1, note: 0 } },
      'the image has those of its jail',
    );
    const sarif: unknown = JSON.parse(run('--format', 'sarif').stdout);
    t.same(faultsOfSarif(sarif), []);
    t.match(JSON.stringify(sarif), '"artifactLocation":{"uri":".uchroot/manifest.json.gz"');

    const named = uchrootJail(['advisories', `${base}/jail.tar:own/web:1`, file, '--format', 'sarif']);
    t.match(named.stdout, /"uri": "jail\.tar"/, 'a tag is no part of a path');

    t.match(run('--release', 'bookworm'), {
      status: 2,
      stderr: /says nothing about the release bookworm\nhint: .*trixie/,
    });
    for (const text of [
      '',
      'VERSION 1',
      '[]',
      '{"shell":[]}',
      '{"shell":{"x":{"releases":{"trixie":{"status":"\u001b"}}}}}',
    ]) {
      writeFileSync(file, text);
      t.match(run(), { status: 2, stdout: '', stderr: /debian\.json.*\nhint: / }, text);
    }
    t.match(uchrootJail(['advisories', jail, `${base}/none`]), { status: 2, stderr: /none: no such/ });
    writeFileSync(`${root}/etc/os-release`, 'ID=ubuntu\nVERSION_CODENAME=noble\n');
    const other = `${base}/other`;
    await buildJail({ directory: other, from: root, programs: ['/bin/bash'] });
    tell({});
    t.match(uchrootJail(['advisories', other, file]), {
      status: 2,
      stderr: /which release of Debian \(it says ubuntu\).*\nhint: /,
    });
    await exportJail({ directory: other, file: `${base}/other.tar` });
    const unclear = uchrootJail(['advisories', `${base}/other.tar`, file]);
    t.match(
      unclear,
      { status: 2, stderr: /other\.tar.*\nhint: name it: --release/ },
      'update takes no image',
    );
    t.match(uchrootJail(['advisories', other, file, '--release', 'trixie']), { status: 0, stderr: '' });
  },
);
