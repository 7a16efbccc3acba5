// Places from which code is taken, and which are easily overlooked.
import { chmodSync, chownSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import t from 'tap';

import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { unlessRoot } from '../../support/root.ts';
import { must } from '../../support/template.ts';
import { compileInto, NOBODY } from '../../support/jail/defects/defect.ts';
import { openTemplate } from '../../support/jail/planted.ts';

const options = { skip: unlessRoot('gcc') };
const makeJail = openTemplate(t);

function write(jail: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(jail + path), { recursive: true });
  writeFileSync(jail + path, text, { mode });
}

async function errorsIn(jail: string): Promise<readonly string[]> {
  const { findings } = await checkJail({ directory: jail, ignore: ['unresolved'] });
  const errors = findings.filter(({ severity }) => severity === 'error');
  return errors.map(({ rule, path }) => `${rule} ${path}`).toSorted();
}

t.test('the argument of a #! line names modules, scripts and what env is to start', options, async (t) => {
  const jail = await makeJail(t);
  const lines = [
    '#!/usr/bin/env -S PYTHONPATH=/tmp/lib python3',
    '#!/usr/bin/perl -I/tmp/lib',
    '#!/usr/bin/env -S /tmp/python -u',
    '#!/bin/bash /tmp/run.sh',
  ];
  for (const [index, line] of lines.entries()) write(jail, `/usr/bin/x${index}`, `${line}\n`, 0o755);
  write(jail, '/usr/bin/y', '#!/usr/bin/env -S LC_ALL=C /usr/bin/awk -f\n', 0o755);
  t.same(
    await errorsIn(jail),
    lines.map((_, index) => `search-path /usr/bin/x${index}`),
  );
  const { findings } = await checkJail({ directory: jail, ignore: ['unresolved'] });
  for (const { remedy } of findings.filter(({ rule }) => rule === 'search-path'))
    t.match(remedy, /, or take it out of .*\/usr\/bin\/x\d$/, 'of a script, and not of a program');
});

t.test('a library that audits the loader counts', options, async (t) => {
  const jail = await makeJail(t);
  compileInto(jail, '/usr/bin/x1', '-Wl,--audit,/tmp/audit.so');
  compileInto(jail, '/usr/bin/x2', '-Wl,--depaudit,audit.so:/tmp/audit.so');
  compileInto(jail, '/usr/bin/y', '-Wl,--audit,/usr/lib/audit.so');
  t.same(await errorsIn(jail), ['search-path /usr/bin/x1', 'search-path /usr/bin/x2']);
});

t.test(
  'a RUNPATH that names more places than there is memory is a finding, and no crash',
  options,
  async (t) => {
    const jail = await makeJail(t);
    const many = Array.from({ length: 2000 }, (_, i) => `/$LIB${i}`).join(':');
    compileInto(jail, '/usr/bin/x', `-Wl,-rpath,${many}`);
    const { findings } = await checkJail({ directory: jail });
    t.match(
      findings.find(({ rule }) => rule === 'search-path'),
      { path: '/usr/bin/x', message: /^it names more than 10000 places to look for code; / },
    );
  },
);

t.test('files that ld.so.conf includes count, by wildcards of every kind', options, async (t) => {
  const jail = await makeJail(t);
  write(jail, '/etc/ld.so.conf', 'include /tmp/*.conf\ninclude /etc/[l]d/*/a?.conf\n');
  write(jail, '/etc/ld/x/ab.conf', '/srv/open/lib\n');
  mkdirSync(`${jail}/srv/open`, { recursive: true });
  chownSync(`${jail}/srv/open`, NOBODY, NOBODY);
  t.same(await errorsIn(jail), ['loader-directory /srv/open', 'loader-directory /tmp']);
});

t.test('directories of modules that an application of root has count', options, async (t) => {
  const jail = await makeJail(t);
  const directories = ['/node_modules', '/srv/app/node_modules', '/srv/venv/lib/python3.13/site-packages'];
  for (const path of [...directories, '/srv/app/uploads']) {
    mkdirSync(jail + path, { recursive: true });
    chownSync(jail + path, NOBODY, NOBODY);
  }
  t.same(
    await errorsIn(jail),
    directories.map((path) => `writable-directory ${path}`),
  );
});

t.test('files in the home of root steer his programs', options, async (t) => {
  const jail = await makeJail(t);
  for (const path of ['/root/.config/x/y', '/root/.vimrc', '/root/.local/lib/z']) {
    write(jail, path, '');
    chownSync(jail + path, NOBODY, NOBODY);
  }
  t.same(await errorsIn(jail), [
    'steering-file /root/.config/x/y',
    'steering-file /root/.local/lib/z',
    'steering-file /root/.vimrc',
  ]);
});

t.test(
  'files that the builder keeps are there for the jail if their directory is open',
  options,
  async (t) => {
    const jail = await makeJail(t);
    const kept = `${jail}/.uchroot/replaced`;
    mkdirSync(kept);
    cpSync(`${jail}/usr/bin/bash`, `${kept}/1-bash`);
    chmodSync(`${kept}/1-bash`, 0o4755);
    must(['mknod', `${kept}/2-disk`, 'b', '1', '0']);
    t.same(await errorsIn(jail), []);
    chmodSync(`${jail}/.uchroot`, 0o755);
    t.same(await errorsIn(jail), [
      'device-node /.uchroot/replaced/2-disk',
      'set-user-id /.uchroot/replaced/1-bash',
    ]);
  },
);
