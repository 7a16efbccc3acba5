import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { openFileRoot } from '../../lib/tree/root.ts';
import { openStore } from '../../lib/jail/apply/store.ts';
import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { checkJail } from '../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../support/directory.ts';
import {
  beginUchrootJail,
  describeTree,
  faultsOf,
  filesIn,
  makeNextVersion,
  makeSystem,
  runIn,
  sha256,
  uchrootJail,
} from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

const withSystem = { skip: unlessRoot('ldd') };
const withStrace = {
  skip: unlessRoot('ldd', 'strace') || (sanitized && 'too slow under strace'),
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

// Calls that change the jail. Between two of them nothing changes, so that a kill at any time is one just before such a call.
// Without -f strace follows the main thread, which makes them all.
const CALLS = ['renameat', 'unlinkat', 'symlinkat', 'mkdirat', 'fsync', 'syncfs', 'fchmod', 'utimensat'];

/** strace, with more options. */
function traced(...options: readonly string[]): readonly string[] {
  return ['strace', '-qq', '-e', `trace=${CALLS.join(',')}`, ...options];
}

interface Moment {
  readonly call: string;
  /** The how manieth of its kind. */
  readonly when: number;
}

/** The first, the middle and the last call of each kind that a run of the command makes. */
function momentsOf(t: Test, args: readonly string[]): readonly Moment[] {
  const log = `${makeDirectory(t)}/log`;
  t.match(uchrootJail(args, { by: traced('-o', log) }), { status: 0, stderr: '' });
  const made = readFileSync(log, 'utf8');
  return CALLS.flatMap((call) => {
    const count = made.match(new RegExp(`^${call}\\(`, 'gm'))?.length ?? 0;
    const whens = new Set([1, Math.ceil(count / 2), count].filter((when) => when > 0));
    return [...whens].map((when) => ({ call, when }));
  });
}

function runUntil({ call, when }: Moment, args: readonly string[]): number | null {
  const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
  return uchrootJail(args, { by: traced('-o', '/dev/null', '-e', inject) }).status;
}

t.test(
  'an update that is killed just before any change leaves a jail that works, and the next one completes it',
  withStrace,
  async (t) => {
    const place = await makePlace(t);
    const { jail, use } = place;
    use(2);
    const moments = momentsOf(t, ['update', jail]);
    t.ok(moments.length > 12, `${moments.length} moments`);
    let killed = 0;
    for (const [round, moment] of moments.entries()) {
      const version = round % 2 === 0 ? 1 : 2;
      const label = `${moment.call} ${moment.when}`;
      use(version);
      if (runUntil(moment, ['update', jail]) !== 0) killed++;
      checkWorking(t, place, label);
      if (round % 4 === 3) checkDone(t, place, version, label);
    }
    // the way back may need a call less
    t.ok(killed > moments.length / 2, `${killed} of ${moments.length} were killed`);
  },
);

t.test(
  'after an update that was killed half-way, check has one error, which names it, and clone refuses',
  withStrace,
  async (t) => {
    const { jail, use } = await makePlace(t);
    use(2);
    const copy = `${makeDirectory(t)}/copy`;
    const when = momentsOf(t, ['update', jail]).findLast(({ call }) => call === 'unlinkat')?.when ?? 0;
    use(1);
    // the first removal comes after the change was decided and files were renamed
    for (const moment of [1, Math.ceil(when / 2)]) {
      t.not(runUntil({ call: 'unlinkat', when: moment }, ['update', jail]), 0);
      const { findings } = await checkJail({ directory: jail });
      t.match(
        findings.filter(({ severity }) => severity === 'error'),
        [{ rule: 'interrupted', remedy: `uchroot-jail update ${jail}` }],
      );
      t.equal(findings.filter(({ severity }) => severity === 'error').length, 1);
      t.match(uchrootJail(['clone', jail, copy]), {
        status: 1,
        stderr: `uchroot-jail: an update of ${jail} was interrupted and is not complete\nhint: uchroot-jail update ${jail}   # completes it\n`,
      });
    }
    t.match(uchrootJail(['update', jail]), { status: 0, stderr: '' });
    t.same(
      (await checkJail({ directory: jail })).findings.filter(({ severity }) => severity === 'error'),
      [],
    );
    t.match(uchrootJail(['clone', jail, copy]), { status: 0 });
  },
);

t.test(
  'a build that is killed just before any change is completed by the next one',
  withStrace,
  async (t) => {
    const base = makeDirectory(t);
    makeSystem(`${base}/root`, '/bin/bash', '/bin/ls');
    const args = (jail: string) => ['build', jail, '--from', `${base}/root`, '/bin/bash', '/bin/ls'];
    const moments = momentsOf(t, args(`${base}/whole`));
    const whole = describeTree(`${base}/whole`);
    // One moment of each kind: the first, the middle, the last in turn. A build clears up as the update above does, which is killed at all.
    const some = CALLS.flatMap((call, at) => {
      const all = moments.filter((moment) => moment.call === call);
      return all.slice(at % all.length).slice(0, 1);
    });
    for (const [round, moment] of some.entries()) {
      const jail = `${base}/jail${round}`;
      const label = `${moment.call} ${moment.when}`;
      t.not(runUntil(moment, args(jail)), 0, label);
      t.match(uchrootJail(args(jail)), { status: 0, stderr: '' }, label);
      t.same(describeTree(jail), whole, `${label}: as if nothing had happened`);
    }
  },
);

t.test(
  'other commands than build tell that the first build of a jail was interrupted',
  withSystem,
  async (t) => {
    const base = makeDirectory(t);
    makeSystem(`${base}/root`, '/bin/ls');
    const jail = `${base}/jail`;
    mkdirSync(jail);
    mkdirSync(`${jail}/.uchroot/new`, { recursive: true, mode: 0o700 }); // what SIGKILL leaves while files are copied
    const asked = [['update'], ['list'], ['remove'], ['explain', '/bin/ls'], ['clone', `${base}/other`]];
    for (const [command = '', ...words] of asked)
      t.match(uchrootJail([command, jail, ...words]), {
        status: 1,
        stderr: `uchroot-jail: ${jail} has no manifest, as after an interrupted build\nhint: run the same build again: it completes the jail\n`,
      });
    t.match(uchrootJail(['build', jail, '--from', `${base}/root`, '/bin/ls']), { status: 0, stderr: '' });
    t.match(uchrootJail(['remove', jail]), { status: 0 });
  },
);

t.test('two builders at once both succeed, or one is told to try again', withSystem, async (t) => {
  const base = makeDirectory(t);
  makeSystem(`${base}/root`, '/bin/bash', '/bin/ls', '/bin/cat');
  for (let round = 0; round < 3; round++) {
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
