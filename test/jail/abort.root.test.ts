import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import type { Progress } from '../../lib/jail/work/steps.ts';
import { makeDirectory } from '../support/directory.ts';
import {
  beginUchrootJail,
  describeTree,
  faultsOf,
  makeNextVersion,
  makeSystem,
  runIn,
} from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };

/** A signal that is given when the work has come so far. */
function abortAt(isTime: (progress: Progress) => boolean): {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
} {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress: (progress) => {
      if (isTime(progress)) controller.abort(new Error('enough'));
    },
  };
}

const moments: readonly [name: string, isTime: (progress: Progress) => boolean][] = [
  ['while it plans', ({ phase }) => phase === 'plan'],
  ['before the first file', ({ phase, files }) => phase === 'copy' && files === 0],
  ['after the first file', ({ phase, files }) => phase === 'copy' && files === 1],
  ['after the third file', ({ phase, files }) => phase === 'copy' && files === 3],
  ['after the last file', ({ phase, files, totalFiles }) => phase === 'copy' && files === totalFiles],
];

const aborted = { name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'enough' } };

t.test('a build that is aborted leaves nothing', asRoot, async (t) => {
  const base = makeDirectory(t);
  for (const [name, isTime] of moments) {
    const directory = `${base}/new/jail`;
    await t.rejects(buildJail({ directory, programs: ['bash', 'ls'], ...abortAt(isTime) }), aborted, name);
    t.same(readdirSync(base), [], name);
  }
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(buildJail({ directory: `${base}/jail`, programs: ['bash'], signal }), aborted);
  t.same(readdirSync(base), []);
});

const untried = ['interrupted: the jail is in place, but not all of it was tried'];

t.test('a signal that comes when the work is decided only ends the trial of the jail', asRoot, async (t) => {
  const base = makeDirectory(t);
  for (const phase of ['commit', 'check']) {
    const directory = `${base}/${phase}`;
    const { signal, onProgress } = abortAt((progress) => progress.phase === phase);
    const report = await buildJail({ directory, programs: ['bash'], signal, onProgress });
    t.match(report, { changes: [{ kind: 'added' }], left: [], warnings: untried });
    t.same(faultsOf(directory), []);
    t.equal(runIn(directory, '/bin/bash', '-c', 'echo fine'), 'fine\n');
  }
});

// A directory was changed and changed back: its time tells so.
const describe = (jail: string): readonly string[] => describeTree(jail, { directoryTimes: false });

async function makePlace(t: Test): Promise<{ readonly jail: string; readonly base: string }> {
  const base = makeDirectory(t);
  makeSystem(`${base}/1`, '/bin/bash', '/bin/ls');
  makeNextVersion(`${base}/1`, `${base}/2`);
  symlinkSync('1', `${base}/root`);
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, from: `${base}/root`, programs: ['/bin/bash', '/bin/ls'] });
  rmSync(`${base}/root`);
  symlinkSync('2', `${base}/root`);
  mkdirSync(`${base}/2/opt/new/deep`, { recursive: true });
  writeFileSync(`${base}/2/opt/new/deep/file`, 'x');
  return { jail, base };
}

t.test('an update or an addition that is aborted leaves the jail as it was', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const before = describe(jail);
  for (const [name, isTime] of moments) {
    await t.rejects(updateJail({ directory: jail, ...abortAt(isTime) }), aborted, name);
    t.same(describe(jail), before, name);
    const added = buildJail({ directory: jail, copies: ['/opt/new'], ...abortAt(isTime) });
    await t.rejects(added, aborted, name);
    t.same(describe(jail), before, name);
  }
  t.equal(runIn(jail, '/bin/bash', '-c', 'echo fine'), 'fine\n');
  t.ok((await updateJail({ directory: jail })).changes.length > 3);
});

t.test('an update that is aborted after its change reports it, with what it has left', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  appendFileSync(`${jail}/usr/bin/ls`, 'by hand');
  const report = await updateJail({ directory: jail, ...abortAt(({ phase }) => phase === 'check') });
  t.ok(report.changes.some(({ kind, path }) => kind === 'changed' && path === '/usr/bin/bash'));
  t.match(report, { left: [{ path: '/usr/bin/ls', isOutdated: true }], warnings: untried });
});

t.test('the work goes through its phases in order, and counts up to all', asRoot, async (t) => {
  const seen: Progress[] = [];
  const onProgress = (progress: Progress) => void seen.push(progress);
  await buildJail({ directory: `${makeDirectory(t)}/jail`, programs: ['bash', 'ls'], onProgress });
  t.same([...new Set(seen.map(({ phase }) => phase))], ['plan', 'copy', 'commit', 'check']);
  const copying = seen.filter(({ phase }) => phase === 'copy');
  t.same(
    copying.map(({ files }) => files),
    copying.map((_, index) => index),
  );
  const last = copying.at(-1);
  t.equal(last?.files, last?.totalFiles);
  t.equal(last?.sizeBytes, last?.totalSizeBytes);
});

t.test('Ctrl-C in the middle says so in one line and leaves nothing', asRoot, async (t) => {
  const { jail, base } = await makePlace(t);
  mkdirSync(`${base}/2/opt/many`);
  for (let i = 0; i < 5000; i++) writeFileSync(`${base}/2/opt/many/${i}`, String(i));
  const before = describe(jail);
  for (const [directory, name] of [
    [`${base}/fresh/jail`, 'SIGINT'],
    [jail, 'SIGINT'],
    [jail, 'SIGTERM'],
  ] as const) {
    const building = beginUchrootJail(['build', directory, '--from', `${base}/root`, '--copy', '/opt/many']);
    while (!existsSync(`${directory}/.uchroot/new/20`)) await setTimeout(5);
    building.kill(name);
    const { status, stderr } = await building.ended;
    t.match(stderr, /^uchroot-jail: interrupted; nothing is left half done\n$/);
    t.equal(status, 130);
  }
  t.notOk(existsSync(`${base}/fresh`));
  t.same(describe(jail), before);
});

t.test('Ctrl-C in the trial says that the jail is there', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/bin/bash');
  mkdirSync(`${root}/var/lib/dpkg/info`, { recursive: true });
  writeFileSync(`${root}/var/lib/dpkg/info/slow.list`, '/.\n/usr\n/usr/bin\n/usr/bin/slow\n');
  writeFileSync(
    `${root}/var/lib/dpkg/status`,
    'Package: slow\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nDescription: x\n\n',
  );
  writeFileSync(`${root}/usr/bin/slow`, '#!/bin/bash\nwhile :; do :; done\n');
  chmodSync(`${root}/usr/bin/slow`, 0o755);
  const building = beginUchrootJail(['build', jail, '--from', root, '/usr/bin/slow']);
  while (!existsSync(`${jail}/usr/bin/slow`)) await setTimeout(5);
  building.kill('SIGINT');
  t.match(await building.ended, { status: 0, stderr: `uchroot-jail: warning: ${untried[0]}\n` });
  t.same(faultsOf(jail), []);
});
