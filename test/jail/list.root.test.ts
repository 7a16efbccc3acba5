import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { explainFile, listJail } from '../../lib/jail/listing.ts';
import { makeDirectory } from '../support/directory.ts';
import { makeSystem, manifestOf, sha256, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };

/** A jail of a script and its shell, from a system in a directory, with a package. */
async function makePlace(t: Test): Promise<{ readonly base: string; readonly jail: string }> {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  makeSystem(root, '/bin/bash');
  mkdirSync(`${root}/srv`, { recursive: true });
  writeFileSync(`${root}/srv/script`, '#!/bin/bash\necho fine\n', { mode: 0o755 });
  mkdirSync(`${root}/var/lib/dpkg/info`, { recursive: true });
  writeFileSync(`${root}/var/lib/dpkg/info/bash.list`, '/.\n/bin\n/bin/bash\n/usr/bin/bash\n');
  writeFileSync(
    `${root}/var/lib/dpkg/status`,
    'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\nDescription: shell\n\n',
  );
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, from: root, programs: ['/srv/script'] });
  return { base, jail };
}

t.test('list says of each thing why it is there', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const { status, stdout, stderr } = uchrootJail(['list', jail]);
  t.match({ status, stderr }, { status: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  for (const line of [
    /^\/srv\/script: asked for$/,
    /^\/usr\/bin\/bash: #! of \/srv\/script$/,
    /^\/bin -> usr\/bin: /,
    /^\/usr\/: /,
    /^\/usr\/lib\S*\/libc\.so\.6: needed by \/usr\/bin\/bash as libc\.so\.6$/,
    /^\/dev\/null: pack base$/,
    /^pack base$/,
    /^package bash 5\.2-1$/,
  ])
    t.ok(
      lines.some((one) => line.test(one)),
      String(line),
    );
  const { entries } = manifestOf(jail);
  t.equal(lines.filter((line) => line.startsWith('/')).length, entries.length, 'each path once');
});

t.test('list --format json is what the library returns', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const listed = await listJail({ directory: jail });
  const { stdout } = uchrootJail(['list', '--format', 'json', jail]);
  t.same(JSON.parse(stdout), JSON.parse(JSON.stringify({ version: 1, ...listed })));
  const bash = listed.files.find(({ path }) => path === '/usr/bin/bash');
  t.match(bash, {
    kind: 'file',
    mode: 0o755,
    uid: 0,
    gid: 0,
    package: 'bash',
    sha256: sha256(`${jail}/usr/bin/bash`),
    because: '#! of /srv/script',
  });
});

t.test('explain goes back to what was asked for', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const explain = (path: string) => uchrootJail(['explain', jail, path]);
  const library = manifestOf(jail).entries.find(({ path }) => path.endsWith('/libc.so.6'))?.path ?? '';
  const { status, stdout } = explain(library);
  t.equal(status, 0);
  t.match(stdout.split('\n'), [
    new RegExp(`^${library}, \\d+ bytes$`),
    /^sha256 [0-9a-f]{64}$/,
    /^← needed by \/usr\/bin\/bash as libc\.so\.6$/,
    /^ {2}← #! of \/srv\/script$/,
    /^ {4}← asked for$/,
    /^$/,
  ]);
  t.match(explain('/usr/bin/bash').stdout, /\nof package bash 5\.2-1\n/);
  t.match(explain('bin/bash').stdout, /^\/usr\/bin\/bash, /, 'through a link, from the top of the jail');
  t.match(explain('/bin').stdout, /^\/bin -> usr\/bin\n← on the way to \/usr\/bin\n/, 'the link itself');
  t.match(explain('/etc/../srv/script').stdout, /^\/srv\/script, /);
});

t.test(
  'explain writes a page to a file that only the caller can read, and replaces none',
  asRoot,
  async (t) => {
    const { jail } = await makePlace(t);
    const html = `${jail}.html`;
    t.match(uchrootJail(['explain', jail, '--html', html]), { status: 0, stdout: '', stderr: '' });
    t.match(readFileSync(html, 'utf8'), /<title>.*: \d+ files, .*\/srv\/script: .* ← asked for<\/td>/s);
    t.equal(statSync(html).mode & 0o777, 0o600);
    t.match(uchrootJail(['explain', jail, '--html', html]), {
      status: 1,
      stderr: /is there already\nhint: name a file that is not there\n$/,
    });
    t.match(uchrootJail(['explain', jail, '/bin', '--html', html]), {
      status: 1,
      stderr: /PATH is given too/,
    });
  },
);

t.test('explain tells what is not there from what is not of the builder', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  writeFileSync(`${jail}/srv/own`, 'mine');
  symlinkSync('/etc/passwd', `${jail}/srv/link`);
  t.match(uchrootJail(['explain', jail, '/srv/own']), {
    status: 0,
    stdout: '/srv/own was not put there by uchroot-jail\n',
  });
  t.match(uchrootJail(['explain', jail, '/srv/link']).stdout, /^\/etc\/passwd, /, 'that of the jail');
  t.match(uchrootJail(['explain', jail, '/srv/none']), {
    status: 1,
    stdout: '',
    stderr: 'uchroot-jail: /srv/none is not in the jail\n',
  });
  await t.rejects(explainFile({ directory: jail, path: '/none/deeper' }), { code: 'ENOENT' });
  t.match(await explainFile({ directory: jail, path: '/srv/own' }), { file: undefined, reasons: [] });
});

t.test('a directory without a manifest is told', asRoot, async (t) => {
  const base = makeDirectory(t);
  for (const words of [
    ['list', base],
    ['explain', base, '/bin'],
    ['update', base],
  ])
    t.match(uchrootJail(words), {
      status: 1,
      stdout: '',
      stderr: `uchroot-jail: ${base} has no manifest: uchroot-jail has not built it\nhint: uchroot-jail build ${base} /bin/sh   # adds to it, and writes its manifest\n`,
    });
  // the build would be refused there
  writeFileSync(`${base}/file`, '');
  for (const directory of [base, '/usr/lib', '/etc'])
    t.match(uchrootJail(['update', directory]), {
      status: 1,
      stderr: /: uchroot-jail has not built it\nhint: name a directory that uchroot-jail has built\n$/,
    });
  t.match(uchrootJail(['list', `${base}/none`]), {
    status: 1,
    stderr: /: there is no such directory\nhint: name a directory that exists\n$/,
  });
});

t.test('a request to list or explain is checked', asRoot, async (t) => {
  const bad = (request: object) => request as Parameters<typeof explainFile>[0];
  await t.rejects(listJail(bad({})), { name: 'UsageError', message: /^directory is missing/ });
  await t.rejects(listJail(bad({ directory: '/x', dir: 1 })), { message: "unknown key 'dir'" });
  await t.rejects(explainFile(bad({ directory: '/x' })), { name: 'UsageError', message: /^path is missing/ });
  await t.rejects(explainFile(bad({ directory: '/x', path: '' })), { message: /^path must be a path/ });
  await t.rejects(explainFile(bad({ directory: '/x', path: '/\0' })), { message: /^path must be a path/ });
});

t.test('a reader who takes only the beginning of a list is no error', asRoot, async (t) => {
  const { base, jail } = await makePlace(t);
  const many = `${base}/root/srv/many`;
  mkdirSync(many);
  for (let i = 0; i < 2000; i++) writeFileSync(`${many}/${i}`, '');
  await buildJail({ directory: jail, copies: ['/srv/many'] });
  const { stderr, stdout } = uchrootJail(['list', jail, '--format', 'json'], {
    by: ['sh', '-c', '"$@" | head -n 1', 'sh'],
  });
  t.same({ stdout, stderr }, { stdout: '{\n', stderr: '' });
  const full = uchrootJail(['list', jail], { by: ['sh', '-c', '"$@" >/dev/full', 'sh'] });
  t.match(full, { status: 1, stderr: /^uchroot-jail: standard output: ENOSPC[^\n]*\n$/ });
});
