import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../../lib/jail/building.ts';
import { makeDirectory } from '../../support/directory.ts';
import { jailCommand, makeSystem } from '../../support/builder.ts';
import { packageDirectory, searchPath, start } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';

const options = { skip: unlessRoot('ldd', 'bash', 'dpkg-query', 'unshare') };

/** The example of the manual page, as it stands there. */
function exampleOf(page: string): string {
  const lines = readFileSync(`${packageDirectory}/doc/${page}`, 'utf8').split('\n');
  const first = lines.findIndex((line) => line.includes('# every night'));
  return lines.slice(first, lines.indexOf('```', first)).join('\n');
}

/** A system with bash, and with libc6 in its package database. */
function makeDebian(system: string): void {
  makeSystem(system, '/usr/bin/bash');
  const list = start(['dpkg-query', '-L', 'libc6']).stdout;
  mkdirSync(`${system}/var/lib/dpkg/info`, { recursive: true });
  writeFileSync(`${system}/var/lib/dpkg/status`, start(['dpkg-query', '-s', 'libc6']).stdout);
  const architecture = start(['dpkg', '--print-architecture']).stdout.trim();
  writeFileSync(`${system}/var/lib/dpkg/info/libc6:${architecture}.list`, list);
}

/** The mail of the example about a jail at its place, or about none; undefined if it sends none. */
function nightOf(t: Test, jail?: string): string | undefined {
  const bin = makeDirectory(t);
  writeFileSync(`${bin}/uchroot-jail`, `#!/bin/sh\nexec ${jailCommand.join(' ')} "$@"\n`);
  writeFileSync(`${bin}/mail`, `#!/bin/sh\n{ echo "$@"; cat; } >${bin}/mailed\n`);
  for (const name of ['uchroot-jail', 'mail']) chmodSync(`${bin}/${name}`, 0o755);
  const place = 'mount -t tmpfs -o mode=755 tmpfs /srv && mkdir -p /srv/www && mount --bind "$1" /srv/www';
  const none = 'mount -t tmpfs -o mode=755 tmpfs /srv';
  const script = `${jail === undefined ? none : place} || exit\n${exampleOf('uchroot-jail-check.md')}\n`;
  const { stderr } = start(['unshare', '-m', 'sh', '-c', script, 'sh', jail ?? ''], {
    env: { PATH: `${bin}:${searchPath}` },
  });
  t.equal(stderr, '');
  return existsSync(`${bin}/mailed`) ? readFileSync(`${bin}/mailed`, 'utf8') : undefined;
}

t.test('the nightly example of the page mails when libc is out of date', options, async (t) => {
  const base = makeDirectory(t);
  const [system, jail] = [`${base}/system`, `${base}/jail`];
  makeDebian(system);
  await buildJail({ directory: jail, from: system, programs: ['/usr/bin/bash'] });
  t.equal(nightOf(t, jail), undefined, 'no mail while all is well');

  const status = `${system}/var/lib/dpkg/status`;
  const next = readFileSync(status, 'utf8').replace(/^Version: .*$/m, '$&+security1');
  writeFileSync(status, next);
  const mail = nightOf(t, jail) ?? '';
  t.match(mail, /^-s jail \/srv\/www root\nwarning outdated: /);
  t.match(mail, /package libc6 is \S+ here, and \S+\+security1 now → uchroot-jail update \/srv\/www\n/);

  await updateJail({ directory: jail });
  t.equal(nightOf(t, jail), undefined, 'nor after an update');

  rmSync(`${jail}/usr`, { recursive: true });
  rmSync(`${jail}/.uchroot`, { recursive: true });
  chmodSync(jail, 0o777);
  t.match(nightOf(t, jail), /^-s jail \/srv\/www root\nerror path-writable: /);
});

t.test('the example mails when the jail cannot be checked', options, async (t) => {
  t.equal(
    nightOf(t),
    '-s jail /srv/www root\nuchroot-jail: /srv/www: no such file or directory\nhint: name a directory that exists\n',
  );
});
