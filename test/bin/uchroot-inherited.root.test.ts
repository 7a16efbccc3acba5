import { existsSync, readFileSync } from 'node:fs';

import t from 'tap';

import { isolated } from '../support/isolation.ts';
import {
  bareOnly,
  bothWays,
  makeJail,
  oddCaller,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
  searchPath,
} from '../support/launch.ts';
import { decode, probe, readState, startWaiting, type State } from '../support/probe.ts';
import { hostilePreload } from '../support/sanitizer.ts';
import { unlessRoot } from '../support/root.ts';

const test = bothWays('strace', 'prlimit', 'taskset');
const commandTest = rootTest('prlimit');
const jail = makeJail();
const ENOKEY = 126;
// An isolated program ends with the init that has started it.
const parentDeathSignal = isolated ? 9 : 0;

async function oomScore(word: string): Promise<string> {
  const program = await startWaiting(jail, [], { by: oddCaller(word) });
  const score = readFileSync(`/proc/${program.pid}/oom_score_adj`, 'utf8').trim();
  await program.end();
  return score;
}

function from(...words: readonly string[]): State {
  return probe(jail, [], { by: oddCaller(...words) });
}

test('1,000 open descriptors: none reaches the program', async (t) => {
  t.same(Object.keys(from('fds=1000').fds), ['0', '1', '2']);
});

test('a descriptor above the soft limit on descriptors does not slip through (loops to RLIMIT_NOFILE)', async (t) => {
  t.same(Object.keys(from('fd=300', 'fd=9999', 'nofile=256').fds), ['0', '1', '2']);
});

test('a directory of the host behind a high descriptor does not reach the program (CVE-2024-21626)', async (t) => {
  const ended = uchroot(['nobody', jail, '/probe', 'state'], {
    by: oddCaller('rootfd=7', 'rootfd=8', 'rootfd=77'),
  });
  t.same(Object.keys(readState(ended).fds), ['0', '1', '2']);
});

for (const fd of ['0', '1', '2']) {
  test(`a directory of the host as descriptor ${fd} is refused`, async (t) => {
    const ended = uchroot(['nobody', jail, '/probe', 'mark', `/tmp/directory-${fd}`], {
      by: oddCaller(`rootfd=${fd}`),
    });
    t.equal(ended.status, 125);
    t.equal(ended.stdout, '');
    if (fd !== '2') {
      t.match(
        ended.stderr,
        new RegExp(
          `^uchroot: stdio: descriptor ${fd}: is an open directory of the host, [^\\n]*\\nhint: [^\\n]*\\n$`,
        ),
      );
    }
    t.notOk(existsSync(`${jail}/tmp/directory-${fd}`), 'the program did not run');
  });
}

test('descriptors 0 to 2 that were closed are open on /dev/null, and take no other file', async (t) => {
  const script = 'exec "$@" 7>&- 8>&-';
  const closed = ['sh', '-c', script, 'sh', ...oddCaller('close=0', 'close=2')];
  const { fds } = probe(jail, [], { by: closed });
  t.same(Object.keys(fds), ['0', '1', '2']);
  for (const fd of ['0', '2']) t.equal(fds[fd]?.type, '20000', 'a character device');
  const mute = uchroot(['nobody', jail, '/probe', 'mark', '/tmp/mute'], {
    by: oddCaller('close=0', 'close=1', 'close=2'),
  });
  t.equal(mute.status, 0);
  t.ok(existsSync(`${jail}/tmp/mute`), 'the program ran');
});

test('a non-blocking stdin is blocking for the program, and 0 to 2 are not close-on-exec', async (t) => {
  const { fds } = from('nonblock=0', 'nonblock=1', 'nonblock=2', 'cloexec=0');
  for (const fd of ['0', '1', '2']) {
    t.equal((fds[fd]?.flags ?? 0) & 0o4000, 0, `O_NONBLOCK of ${fd}`);
    t.equal(fds[fd]?.cloexec, 0);
  }
});

test('blocked, ignored and pending signals of the caller do not reach the program', async (t) => {
  const { blocked, ignored, pending } = from('ignore', 'block');
  t.same({ blocked, ignored, pending }, { blocked: '0', ignored: '0', pending: '0' });
});

test("Node's own SIGPIPE and SIGXFSZ are not ignored", async (t) => {
  t.equal(probe(jail).ignored, '0');
});

const keyTest = bareOnly(test, 'strace answers calls of one process');
keyTest("a key in the caller's session keyring is out of the program's reach", async (t) => {
  // The filter would hide the keyrings. So strace answers the call that sets it, and later the call that reads it.
  const trace = `${temporaryDirectory()}/trace`;
  const by = [...oddCaller('keyring'), 'strace', '-qq', '-o', trace, '-einject=seccomp:retval=0'];
  const plain = readState(start(['chroot', jail, '/probe', 'brief'], { by }));
  t.ok(plain.key > 0, 'chroot(8) hands it on');
  const words = ['nobody', jail, '/probe', 'brief'];
  t.match(uchroot(words, { by: [...by, '-etrace=prctl,seccomp'] }).stderr, /^uchroot: verify_seccomp: /);
  const asked = readFileSync(trace, 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('prctl('))
    .findLastIndex((line) => line.includes('PR_GET_SECCOMP'));
  const { key, seccomp } = readState(
    uchroot(words, { by: [...by, `-einject=prctl:retval=2:when=${asked + 1}`] }),
  );
  t.same({ key, seccomp }, { key: -ENOKEY, seccomp: 0 });
});

test('umask 000 becomes 022, and a stricter one stays', async (t) => {
  t.equal(from('umask=000').umask, 0o022);
  t.equal(from('umask=002').umask, 0o022);
  t.equal(from('umask=077').umask, 0o077);
  t.equal(from('umask=005').umask, 0o027);
});

test('interval timers are stopped', async (t) => {
  t.same(from('timers').timers, [0, 0, 0]);
});

test('address randomisation is on, whatever the personality of the caller', async (t) => {
  t.equal(from('persona').personality, 0);
});

test('a negative nice value becomes 0, and nice 5 stays', async (t) => {
  t.equal(from('nice=-5').nice, 0);
  t.equal(from('nice=5').nice, 5);
});

test('realtime scheduling ends, and SCHED_BATCH stays', async (t) => {
  t.equal(from('realtime').policy, 0);
  t.equal(from('batch').policy, 3);
});

test('the realtime I/O class ends, and the idle class stays', async (t) => {
  t.equal(from('ioprio=8193').ioprio >> 13, 0);
  t.equal(from('ioprio=24576').ioprio >> 13, 3);
});

test('unlimited core and stack do not reach the program', async (t) => {
  const { rlimits } = from('core', 'stack');
  t.equal(rlimits.core?.[0], 0);
  t.equal(rlimits.stack?.[0], 8 * 2 ** 20);
});

test('hard limits and lower soft limits of the caller stay', async (t) => {
  const by = ['prlimit', '--stack=1048576:4194304', '--nproc=400:500', '--core=0:0', '--fsize=5000000'];
  const { rlimits } = probe(jail, [], { by });
  t.same(rlimits.stack, [1048576, 4194304]);
  t.same(rlimits.nproc, [400, 500]);
  t.same(rlimits.core, [0, 0]);
  t.same(rlimits.fsize, [5000000, 5000000]);
});

commandTest(
  'the soft limit on descriptors is 1024: Node has raised it, and the old one is lost',
  async (t) => {
    t.equal(probe(jail).rlimits.nofile?.[0], 1024);
    const { rlimits } = probe(jail, [], { by: ['prlimit', '--nofile=512:600'] });
    t.same(rlimits.nofile, [600, 600]);
  },
);

test('subreaper, parent-death signal and timer slack of the caller do not reach the program', async (t) => {
  const state = from('subreaper', 'pdeathsig', 'slack=77');
  t.hasStrict(state, { subreaper: 0, parentDeathSignal, timerSlack: 50_000 });
});

test('CPU affinity and an earlier no_new_privs stay', async (t) => {
  t.equal(probe(jail, [], { by: ['taskset', '-c', '0'] }).cpus, 1);
  t.equal(probe(jail, ['--allow-new-privs'], { by: oddCaller('nnp') }).noNewPrivs, 1);
});

// The state of a program that inherits nothing from the caller.
const clean = {
  uid: [65534, 65534, 65534, 65534],
  groups: [65534],
  effective: '0',
  permitted: '0',
  inheritable: '0',
  bounding: '0',
  ambient: '0',
  securebits: 0,
  noNewPrivs: 1,
  seccomp: 2,
  blocked: '0',
  ignored: '0',
  pending: '0',
  umask: 0o022,
  timers: [0, 0, 0],
  personality: 0,
  nice: 0,
  policy: 0,
  subreaper: 0,
  parentDeathSignal,
  timerSlack: 50_000,
};

test('all of it at once', async (t) => {
  const words =
    'fds=100 rootfd=900 ignore block keyring umask=000 timers persona nice=-5 realtime ioprio=8193 core stack groups ' +
    'subreaper pdeathsig slack=77 ambient nonblock=0 env=NODE_OPTIONS=--no-warnings env=entry';
  const state = from(...words.split(' '), `env=${hostilePreload}`);
  t.hasStrict(state, clean);
  t.same(Object.keys(state.fds), ['0', '1', '2']);
  t.same(
    state.env.map(decode).filter((entry) => /^(LD_|NODE_|entry)/.test(entry)),
    [],
  );
});

const unprotected =
  unlessRoot() ||
  (start(['true'], { by: oddCaller('oom=-500') }).status !== 0 &&
    'CAP_SYS_RESOURCE is missing: nobody here has a negative oom_score_adj');

t.test('protection from the OOM killer ends', { skip: unprotected }, async (t) => {
  t.equal(await oomScore('oom=-500'), '0');
});

test('a higher oom_score_adj of the caller stays', async (t) => {
  t.equal(await oomScore('oom=300'), '300');
});

test('a variable of the account that is named passes too', async (t) => {
  const env = { HOME: '/var/lib/app', PATH: `/opt/bin:${searchPath}`, SHELL: '/bin/odd' };
  const ended = uchroot(['--pass-env', 'HOME,PATH,USER', 'nobody', jail, '/probe'], { env });
  const built = readState(ended).env.map((entry) => Buffer.from(decode(entry), 'latin1').toString());
  const values = new Map(built.map((entry) => entry.split(/=(.*)/s, 2) as [string, string]));
  t.equal(values.get('HOME'), '/var/lib/app');
  t.equal(values.get('PATH'), env.PATH);
  t.equal(values.get('USER'), 'nobody', 'the caller has none');
  t.not(values.get('SHELL'), '/bin/odd', 'it is not named');
});

test('a variable that is named passes, and one that names a directory has its path in the jail', async (t) => {
  const words = ['--pass-env', 'GREETING,É,STATE_DIRECTORY,CREDENTIALS_DIRECTORY', 'nobody', jail, '/probe'];
  const ended = uchroot(words, {
    env: {
      GREETING: 'hello',
      OTHER: 'x',
      É: 'é',
      STATE_DIRECTORY: `/var/lib/x:${jail}/tmp:${jail}:${jail}/../y`,
      CREDENTIALS_DIRECTORY: '/run/credentials/x.service',
    },
  });
  const env = readState(ended).env.map((entry) => Buffer.from(decode(entry), 'latin1').toString());
  const known = ['GREETING=', 'É=', 'OTHER=', 'STATE_DIRECTORY=', 'CREDENTIALS_DIRECTORY='];
  t.same(env.filter((entry) => known.some((name) => entry.startsWith(name))).toSorted(), [
    'GREETING=hello',
    'STATE_DIRECTORY=/tmp:/',
    'É=é',
  ]);
  t.match(
    ended.stderr,
    /^uchroot: warning: environment: STATE_DIRECTORY: \/var\/lib\/x(?::\S+\/\.\.\/y)? is outside the jail/m,
  );
  t.match(
    ended.stderr,
    'uchroot: warning: environment: CREDENTIALS_DIRECTORY: /run/credentials/x.service is outside',
  );
});
