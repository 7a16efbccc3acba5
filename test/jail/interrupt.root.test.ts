import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { openFileRoot } from '../../lib/binary/root.ts';
import { openStore } from '../../lib/jail/apply/store.ts';
import { buildJail } from '../../lib/jail/build.ts';
import { updateJail } from '../../lib/jail/update.ts';
import {
  beginUchrootJail,
  describeTree,
  faultsOf,
  filesIn,
  makeDirectory,
  makeNextVersion,
  makeSystem,
  runIn,
  sha256,
  uchrootJail,
} from '../support/builder.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

const withSystem = { skip: unlessRoot() || unlessInstalled('ldd') };
const withStrace = {
  skip: unlessRoot() || unlessInstalled('ldd', 'strace') || (sanitized && 'too slow under strace'),
};

interface Place {
  readonly jail: string;
  /** Makes one of the two versions the system that the jail is built from. */
  readonly use: (version: 1 | 2) => void;
  /** The file of a version. */
  readonly fileOf: (version: 1 | 2, path: string) => string;
}

/** Two versions of a system, of which every file differs, and the jail of one. */
async function makePlace(t: Test): Promise<Place> {
  const base = makeDirectory(t);
  makeSystem(`${base}/1`, '/bin/bash', '/bin/ls');
  makeNextVersion(`${base}/1`, `${base}/2`);
  for (const version of [1, 2]) {
    mkdirSync(`${base}/${version}/opt/app-${version}`, { recursive: true });
    symlinkSync(`app-${version}`, `${base}/${version}/opt/app`);
    writeFileSync(`${base}/${version}/opt/app-${version}/data`, `version ${version}`);
  }
  const use = (version: 1 | 2): void => {
    rmSync(`${base}/root`, { force: true });
    symlinkSync(String(version), `${base}/root`);
  };
  use(1);
  const jail = `${base}/jail`;
  await buildJail({
    directory: jail,
    from: `${base}/root`,
    programs: ['/bin/bash', '/bin/ls'],
    copies: ['/opt'],
  });
  return { jail, use, fileOf: (version, name) => `${base}/${version}${name}` };
}

// After a kill at any moment: both programs run, and each file is that of the one version or of the other.
function checkWorking(t: Test, { jail, fileOf }: Place, label: string): void {
  t.equal(runIn(jail, '/bin/bash', '-c', 'echo fine'), 'fine\n', label);
  t.match(runIn(jail, '/bin/ls', '/opt/app/'), /^data\n/, label);
  const mixed = filesIn(jail).filter(
    (name) =>
      /^(?:usr|opt)\//.test(name) &&
      !([1, 2] as const)
        .map((version) => fileOf(version, `/${name}`))
        .some((file) => existsSync(file) && sha256(file) === sha256(`${jail}/${name}`)),
  );
  t.same(mixed, [], label);
}

function checkDone(t: Test, { jail, fileOf }: Place, version: 1 | 2, label: string): void {
  const updated = uchrootJail(['update', jail]);
  t.match(updated, { status: 0, stderr: '' }, label);
  t.same(faultsOf(jail), [], label);
  t.equal(sha256(`${jail}/usr/bin/bash`), sha256(fileOf(version, '/usr/bin/bash')), label);
  t.match(uchrootJail(['update', jail]), { status: 0, stdout: /, up to date\n$/ }, label);
}

t.test(
  'an update that is killed at any moment leaves a jail that works, and the next one completes it',
  withSystem,
  async (t) => {
    const place = await makePlace(t);
    const { jail, use } = place;
    const start = performance.now();
    use(2);
    t.match(uchrootJail(['update', jail]), { status: 0 });
    let durationMs = performance.now() - start;
    let killed = 0;
    for (let round = 0; round < 40; round++) {
      const version = round % 2 === 0 ? 1 : 2;
      use(version);
      const updating = beginUchrootJail(['update', jail]);
      // most of it is Node's own start: more often later than sooner
      await setTimeout(durationMs * (0.3 + 0.8 * Math.random()));
      updating.kill('SIGKILL');
      const isKilled = (await updating.ended).status === null;
      // the machine may be busier than before, or less
      durationMs *= isKilled ? 1.1 : 0.8;
      if (isKilled) killed++;
      checkWorking(t, place, `round ${round}`);
      if (round % 4 === 3) checkDone(t, place, version, `round ${round}`);
    }
    t.ok(killed > 10, `${killed} of 40 were killed`);
  },
);

// Calls that change the jail. Without -f strace follows the main thread, which makes them all.
const CALLS = ['renameat', 'unlinkat', 'symlinkat', 'mkdirat', 'fsync', 'syncfs', 'fchmod', 'utimensat'];

t.test('no call is such that a kill just before it does harm', withStrace, async (t) => {
  const place = await makePlace(t);
  const { jail, use } = place;
  let version: 1 | 2 = 1;
  for (const call of CALLS) {
    let killed = 0;
    for (const when of [1, 2, 3, 5, 8, 13, 21]) {
      version = version === 1 ? 2 : 1;
      use(version);
      const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
      const { status } = uchrootJail(['update', jail], {
        by: ['strace', '-qq', '-o', '/dev/null', '-e', `trace=${CALLS.join(',')}`, '-e', inject],
      });
      checkWorking(t, place, `${call} ${when}`);
      if (status === 0) break; // there are not so many calls
      killed++;
    }
    t.ok(killed > 0, `${killed} kills at ${call}`);
    checkDone(t, place, version, call);
  }
});

t.test('a build that is killed at any moment is completed by the next one', withSystem, async (t) => {
  const base = makeDirectory(t);
  makeSystem(`${base}/root`, '/bin/bash', '/bin/ls');
  const args = (jail: string) => ['build', jail, '--from', `${base}/root`, '/bin/bash', '/bin/ls'];
  const start = performance.now();
  t.match(uchrootJail(args(`${base}/whole`)), { status: 0, stderr: '' });
  const durationMs = performance.now() - start;
  const whole = describeTree(`${base}/whole`);
  for (let round = 0; round < 12; round++) {
    const jail = `${base}/jail${round}`;
    const building = beginUchrootJail(args(jail));
    await setTimeout(durationMs * (0.1 + 0.8 * Math.random()));
    building.kill('SIGKILL');
    await building.ended;
    t.match(uchrootJail(args(jail)), { status: 0, stderr: '' }, `round ${round}`);
    t.same(describeTree(jail), whole, 'as if nothing had happened');
  }
});

t.test('of two builders at once one waits to be asked again, or both succeed', withSystem, async (t) => {
  const base = makeDirectory(t);
  makeSystem(`${base}/root`, '/bin/bash', '/bin/ls', '/bin/cat');
  for (let round = 0; round < 10; round++) {
    const jail = `${base}/jail${round}`;
    const results = await Promise.all(
      ['/bin/ls', '/bin/cat'].map((program) => {
        const { ended } = beginUchrootJail(['build', jail, '--from', `${base}/root`, '/bin/bash', program]);
        return ended;
      }),
    );
    for (const { status, stderr } of results)
      if (status !== 0)
        t.match({ status, stderr }, { status: 1, stderr: /another uchroot-jail works on this jail/ });
    t.ok(
      results.some(({ status }) => status === 0),
      `round ${round}: one has succeeded`,
    );
    t.same(faultsOf(jail), []);
    for (const [index, { status }] of results.entries())
      if (status === 0) t.ok(existsSync(`${jail}/bin/${['ls', 'cat'][index]}`), 'and what it built is there');
    t.equal(runIn(jail, '/bin/bash', '-c', 'echo fine'), 'fine\n');
  }
});

t.test('an update waits for nobody, and what it was told is right the next time', withSystem, async (t) => {
  const { jail } = await makePlace(t);
  const opened = openFileRoot(jail);
  const store = await openStore(opened);
  const before = describeTree(jail);
  await t.rejects(updateJail({ directory: jail }), { name: 'JailError', code: 'EBUSY' });
  t.same(describeTree(jail), before);
  store.close();
  opened.close();
  t.match(await updateJail({ directory: jail }), { changes: [] });
});
