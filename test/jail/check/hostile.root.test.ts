import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../support/directory.ts';
import { describeTree, uchrootJail } from '../../support/builder.ts';
import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';
import { faultsOfSarif } from '../../support/sarif.ts';
import { beginProcess, makeDeep, must } from '../../support/template.ts';

const options = { skip: unlessRoot() };

async function makeJail(t: Test): Promise<string> {
  const jail = `${makeDirectory(t)}/jail`;
  await buildJail({ directory: jail, programs: ['bash'] });
  return jail;
}

/** A shell that does the same again and again until the test is over; `$1` is the jail. */
function again(t: Test, jail: string, commands: string): Promise<unknown> {
  return beginProcess(t, ['sh', '-c', `echo up; while :; do ${commands}; done 2>/dev/null`, 'sh', jail]);
}

t.test('nothing outside is read or changed while directories become links', options, async (t) => {
  const jail = await makeJail(t);
  const outside = `${jail}-outside`;
  mkdirSync(`${outside}/sub`, { recursive: true });
  for (const name of ['setuid', 'sub/setuid']) {
    writeFileSync(`${outside}/${name}`, '#!/bin/sh\n');
    chmodSync(`${outside}/${name}`, 0o4777);
  }
  for (let i = 0; i < 50; i++) {
    mkdirSync(`${jail}/tmp/d${i}/sub`, { recursive: true });
    writeFileSync(`${jail}/tmp/d${i}/sub/setuid`, '');
    chmodSync(`${jail}/tmp/d${i}/sub/setuid`, 0o4755);
  }
  symlinkSync(outside, `${jail}/tmp/link`);
  const before = JSON.stringify(describeTree(outside));
  const exchange = 'mv -T "$d" "$d.away"; ln -s "$1-outside" "$d"; rm "$d"; mv -T "$d.away" "$d"';
  await again(t, jail, `for d in "$1"/tmp/d*; do case $d in *.away) ;; *) ${exchange};; esac; done`);
  for (let turn = 0; turn < 10; turn++) await checkJail({ directory: jail, fix: true });
  t.equal(JSON.stringify(describeTree(outside)), before);
});

t.test('files that vanish are passed over', options, async (t) => {
  const jail = await makeJail(t);
  await again(t, jail, 'touch "$1"/tmp/a "$1"/tmp/b; mkdir -p "$1"/tmp/c/d; rm -r "$1"/tmp/*');
  for (let turn = 0; turn < 20; turn++) t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('a fifo in the place of a file is not waited for', options, async (t) => {
  const jail = await makeJail(t);
  rmSync(`${jail}/usr/bin/bash`);
  must(['mkfifo', '-m', '0600', `${jail}/usr/bin/bash`]);
  const { findings } = await checkJail({ directory: jail });
  t.match(
    findings.find(({ rule }) => rule === 'changed'),
    { path: '/usr/bin/bash', message: 'it is a named pipe now, and was a file' },
  );
});

t.test('100 GB of nothing are not read', options, async (t) => {
  const jail = await makeJail(t);
  writeFileSync(`${jail}/tmp/sparse`, '');
  truncateSync(`${jail}/tmp/sparse`, 100e9);
  truncateSync(`${jail}/usr/bin/bash`, 100e9);
  const start = performance.now();
  const { findings } = await checkJail({ directory: jail });
  t.match(findings, [{ rule: 'changed', path: '/usr/bin/bash' }]);
  const fixing = { directory: jail, fix: true, replace: ['/usr/bin/bash'] };
  t.match((await checkJail(fixing)).findings, [{ fixed: true }], 'nor copied');
  t.ok(performance.now() - start < patientMs(10_000));
});

t.test('20,000 entries, 150 levels down, are looked at one by one', options, async (t) => {
  const jail = await makeJail(t);
  makeDeep(`${jail}/tmp`, 150);
  const deep = `${jail}/tmp${'/d'.repeat(150)}`;
  for (let i = 0; i < 20_000; i++) writeFileSync(`${deep}/f${i}`, '');
  chmodSync(`${deep}/f12345`, 0o4755);
  const start = performance.now();
  const { findings, files } = await checkJail({ directory: jail });
  t.match(findings, [{ rule: 'set-user-id', path: `/tmp${'/d'.repeat(150)}/f12345` }]);
  t.ok(files > 20_000);
  t.ok(performance.now() - start < patientMs(10_000));
  const fixed = await checkJail({ directory: jail, fix: true });
  t.match(fixed.findings, [{ fixed: true }]);
  t.equal(statSync(`${deep}/f12345`).mode & 0o7777, 0o755);
});

t.test('a process with a path that is too long for /proc does not end the check', options, async (t) => {
  const jail = await makeJail(t);
  const deep = `${makeDirectory(t)}/deep`;
  t.teardown(() => void must(['rm', '-rf', deep])); // rmSync() needs paths
  const program = `import os, sys, time
os.mkdir(sys.argv[1])
os.chdir(sys.argv[1])
for _ in range(20):
  os.mkdir('d' * 250)
  os.chdir('d' * 250)
held = os.open('.', os.O_RDONLY)
print('up', flush=True)
time.sleep(600)`;
  await beginProcess(t, ['python3', '-c', program, deep]);
  must(['mkfifo', `${jail}/tmp/pipe`]);
  t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('a directory with the name of the builder’s own hides nothing', options, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  mkdirSync(`${jail}/.uchroot`, { recursive: true });
  writeFileSync(`${jail}/.uchroot/x`, '#!/bin/sh\n');
  chmodSync(`${jail}/.uchroot/x`, 0o4755);
  chmodSync(`${jail}/.uchroot`, 0o777);
  const { findings } = await checkJail({ directory: jail });
  t.match(
    findings.find(({ rule }) => rule === 'set-user-id'),
    { path: '/.uchroot/x' },
  );
});

t.test('very many findings are all counted, and the first ones kept', options, async (t) => {
  const jail = await makeJail(t);
  for (let i = 0; i < 10_500; i++) writeFileSync(`${jail}/tmp/f${i}`, '');
  must(['sh', '-c', 'find "$1"/tmp -type f -exec chmod 0666 {} +', 'sh', jail]);
  const { findings, counts, cut } = await checkJail({ directory: jail });
  t.equal(findings.length, 10_001);
  t.match(findings.at(-1), { rule: 'world-writable', message: 'and 500 more, which are not listed' });
  t.match(counts, { error: 0, warning: 10_500 });
  t.same(cut, { 'world-writable': 500 });
});

t.test('names are never printed as they are', options, async (t) => {
  const jail = await makeJail(t);
  const names = [
    'a\nerror set-user-id: x',
    '\x1b[2J\x1b]0;x\x07',
    "'; reboot #",
    '\u202egnp.exe',
    '\\n',
    ' ',
  ];
  const paths = [...names.map((name) => Buffer.from(name)), Buffer.from([0xff, 0xfe, 0x9b])].map((name) =>
    Buffer.concat([Buffer.from(`${jail}/tmp/`), name]),
  );
  for (const path of paths) {
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o4755);
  }
  for (const format of ['text', 'json', 'sarif']) {
    const { stdout, status } = uchrootJail(['check', jail, '--format', format]);
    t.equal(status, 1);
    t.notMatch(stdout.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202e\ufffd]/, format);
    if (format === 'sarif') t.same(faultsOfSarif(JSON.parse(stdout)), []);
    t.equal(stdout.split('\n').filter((line) => line.startsWith('error set-user-id: x')).length, 0);
  }
  const { stdout } = uchrootJail(['check', jail]);
  const lines = stdout.split('\n').filter((line) => line.startsWith('  ') && line.includes('chmod u-s'));
  t.equal(lines.length, paths.length);
  // each remedy is one that a shell carries out on that file, and on no other
  for (const line of lines) must(['bash', '-c', line.slice(line.indexOf('→') + 1)]);
  for (const path of paths) t.equal(statSync(path).mode & 0o7777, 0o755, path.toString('latin1'));
});

t.test('a file whose reader would have to wait is told of', { skip: unlessRoot('python3') }, async (t) => {
  const jail = await makeJail(t);
  writeFileSync(`${jail}/tmp/leased`, 'x');
  const program = [
    'import fcntl, os, signal, sys, time',
    'signal.signal(signal.SIGIO, signal.SIG_IGN)',
    'fd = os.open(sys.argv[1], os.O_RDWR)',
    'fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)',
    'print("up", flush=True)',
    'time.sleep(600)',
  ].join('\n');
  await beginProcess(t, ['python3', '-c', program, `${jail}/tmp/leased`]);
  const start = performance.now();
  const { findings } = await checkJail({ directory: jail });
  t.match(findings, [{ rule: 'unread', severity: 'error', path: '/tmp/leased' }]);
  t.ok(performance.now() - start < patientMs(10_000));
});

t.test('files of the accounts may be anything', options, async (t) => {
  const jail = await makeJail(t);
  for (const path of ['/etc/passwd', '/etc/group', '/etc/shadow'])
    for (const make of [
      () => must(['head', '-c', '300000', '/dev/urandom']) && undefined,
      () => writeFileSync(`${jail}${path}`, Buffer.from(':::\n\0:x:0:0\n'.repeat(1000))),
      () => symlinkSync('/proc/self/fd/0', `${jail}${path}`),
      () => must(['mkfifo', `${jail}${path}`]) && undefined,
      () => mkdirSync(`${jail}${path}`),
      () => symlinkSync(path.slice(5), `${jail}${path}`),
    ]) {
      rmSync(`${jail}${path}`, { recursive: true, force: true });
      make();
      const { findings } = await checkJail({ directory: jail, fix: true });
      t.ok(findings.every(({ rule }) => rule !== ''));
      rmSync(`${jail}${path}`, { recursive: true, force: true });
    }
  t.not(readFileSync('/etc/passwd', 'utf8'), '');
});

t.test('a user who makes 10,050 files does not hide what is root’s', options, async (t) => {
  const jail = await makeJail(t);
  const make = 'i=0; while [ $i -lt 10050 ]; do : >"$1/tmp/$i"; i=$((i + 1)); done';
  must([
    'sh',
    '-c',
    `${make}; chown -R 65534 "$1/tmp"; find "$1/tmp" -type f -exec chmod 4755 {} +`,
    'sh',
    jail,
  ]);
  must(['chown', 'root', `${jail}/tmp`]);
  chmodSync(`${jail}/usr/bin/bash`, 0o4755);
  const { findings, cut, counts } = await checkJail({ directory: jail });
  t.match(findings[0], { rule: 'set-user-id', severity: 'error', path: '/usr/bin/bash' });
  t.same(cut, { 'set-user-id': 50 }, 'what is left out is counted by rule');
  t.equal(counts.error + counts.warning, 10_051);
});
