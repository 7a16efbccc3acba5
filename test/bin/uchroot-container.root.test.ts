import { existsSync } from 'node:fs';

import { asInDocker, dockerCapabilities, inContainer } from '../support/container.ts';
import type { Test } from 'tap';

import { bareOnly, makeJail, oddCaller, rootTest, start, uchroot, type Ended } from '../support/launch.ts';
import { probe, readState, type State } from '../support/probe.ts';

const test = rootTest('setpriv', 'crun', 'strace');
const bareTest = bareOnly(test, 'isolation needs CAP_SYS_ADMIN, which Docker does not give');
const jail = makeJail();

const nobody = {
  uid: [65534, 65534, 65534, 65534],
  gid: [65534, 65534, 65534, 65534],
  groups: [65534],
  effective: '0',
  permitted: '0',
  inheritable: '0',
  bounding: '0',
  ambient: '0',
  noNewPrivs: 1,
  seccomp: 2,
} as const;

function credentials(state: State): unknown {
  const { uid, gid, groups, effective, permitted, inheritable, bounding, ambient, noNewPrivs, seccomp } =
    state;
  return { uid, gid, groups, effective, permitted, inheritable, bounding, ambient, noNewPrivs, seccomp };
}

test('the filter of these tests refuses keyctl and mount, as in Docker', async (t) => {
  const tried = start([`${jail}/probe`, 'escape'], { by: asInDocker() });
  t.match(JSON.parse(tried.stdout), { keyctl: 1, add_key: 1, request_key: 1, mount: 1, chroot: 0 });
});

bareTest('with the default capabilities and the filter of Docker the program starts', async (t) => {
  t.same(credentials(probe(jail, [], { by: asInDocker() })), nobody);
});

test('in a container that crun makes the program starts', async (t) => {
  t.same(credentials(readState(inContainer(jail, ['nobody', jail, '/probe', 'state']))), nobody);
});

test('a failure in a container is told as elsewhere', async (t) => {
  const ended = inContainer(jail, ['nobody', jail, '/nothing']);
  t.equal(ended.status, 127);
  t.match(ended.stderr, /^uchroot: \/nothing: not found in the jail\nhint: [^\n]*\n$/);
});

bareTest('nothing is inherited there either', async (t) => {
  const by = [...oddCaller('fds=20', 'rootfd=77', 'umask=000', 'groups', 'ignore'), ...asInDocker()];
  const state = probe(jail, [], { by });
  t.same(Object.keys(state.fds), ['0', '1', '2']);
  t.same(state.groups, [65534]);
  t.equal(state.umask, 0o022);
  t.equal(state.ignored, '0');
});

// --plan reports the same failure as the launch.
function foreseen(t: Test, ended: Ended, words: readonly string[], by: readonly string[]): void {
  const planned = uchroot(['--plan', ...words], { by });
  t.equal(planned.status, ended.status);
  t.equal(planned.stderr, ended.stderr);
  const asJson = uchroot(['--plan', '--format', 'json', ...words], { by });
  const { problem } = JSON.parse(asJson.stdout) as { problem?: { message: string } };
  t.equal(`uchroot: ${problem?.message}`, ended.stderr.split('\n')[0]);
}

for (const [capability, step] of [
  ['sys_chroot', 'chroot'],
  ['setuid', 'setresuid'],
  ['setgid', 'setgroups'],
] as const) {
  const name = `CAP_${capability.toUpperCase()}`;
  test(`without ${name} the message names it`, async (t) => {
    const by = asInDocker(dockerCapabilities.filter((other) => other !== capability));
    const ended = uchroot(['nobody', jail, '/probe', 'mark', `/tmp/${capability}`], { by });
    t.equal(ended.status, 125);
    t.equal(ended.stdout, '');
    t.match(ended.stderr, new RegExp(`^uchroot: ${step}: [^\\n]*\\b${name}\\b[^\\n]*\\nhint: [^\\n]*\\n$`));
    t.notOk(existsSync(`${jail}/tmp/${capability}`));
    foreseen(t, ended, ['nobody', jail, '/probe', 'mark', `/tmp/${capability}`], by);
  });
}

bareTest('without CAP_SETPCAP the message names it', async (t) => {
  const by = asInDocker(dockerCapabilities.filter((other) => other !== 'setpcap'));
  const ended = uchroot(['nobody', jail, '/probe', 'mark', '/tmp/setpcap'], { by });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: drop_bounding_set: [^\n]*\n(?:hint: [^\n]*)CAP_SETPCAP[^\n]*\n$/);
  t.notOk(existsSync(`${jail}/tmp/setpcap`));
  foreseen(t, ended, ['nobody', jail, '/probe', 'mark', '/tmp/setpcap'], by);
});

bareTest('a capability that root cannot keep is foreseen', async (t) => {
  const by = asInDocker(dockerCapabilities.filter((other) => other !== 'net_bind_service'));
  const words = ['--cap', 'net_bind_service', 'nobody', jail, '/probe', 'exit', '0'];
  const ended = uchroot(words, { by });
  t.equal(ended.status, 125);
  foreseen(t, ended, words, by);
});

test('isolation is refused there with the reason and the remedy, and that is foreseen', async (t) => {
  const words = ['--isolate', 'nobody', jail, '/probe', 'mark', '/tmp/isolated'];
  const ended = uchroot(words, { by: asInDocker() });
  t.equal(ended.status, 125);
  t.match(
    ended.stderr,
    /^uchroot: unshare: pid: operation not permitted\nhint: unshare needs CAP_SYS_ADMIN: /,
  );
  t.notOk(existsSync(`${jail}/tmp/isolated`));
  foreseen(t, ended, words, asInDocker());
});

test('a call that a seccomp filter refuses is foreseen, and one for which it kills', async (t) => {
  const words = ['nobody', jail, '/probe', 'exit', '0'];
  const injected = (what: string): readonly string[] => [
    'strace',
    '-fqqq',
    '--output=/dev/null',
    `--inject=setresuid:${what}`,
    '--',
  ];
  const by = injected('error=EPERM');
  const ended = uchroot(words, { by });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: setresuid: 65534: operation not permitted\nhint: /);
  foreseen(t, ended, words, by);
  const killed = uchroot(['--plan', ...words], { by: injected('signal=SIGSYS') });
  t.equal(killed.status, 125);
  t.equal(
    killed.stderr,
    `uchroot: setresuid: 65534: the process is killed by SIGSYS
hint: a seccomp filter of the caller does not allow the call
`,
  );
});

test('a directory in the place of a descriptor or of the pid file is foreseen', async (t) => {
  const words = ['nobody', jail, '/probe', 'exit', '0'];
  const by = ['sh', '-c', 'exec "$@" </', 'sh'];
  const ended = uchroot(words, { by });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: stdio: descriptor 0: is an open directory of the host/);
  foreseen(t, ended, words, by);
  const taken = uchroot(['--pid-file', `${jail}/dir`, ...words]);
  t.equal(taken.status, 125);
  const planned = uchroot(['--plan', '--pid-file', `${jail}/dir`, ...words]);
  t.equal(planned.status, 125);
  t.equal(planned.stderr, taken.stderr);
});

bareTest('--plan changes nothing of its caller, and is silent where the launch succeeds', async (t) => {
  const words = [
    '--plan',
    '--new-session',
    '--die-with-parent',
    '--rlimit',
    'nofile=64',
    'nobody',
    jail,
    '/probe',
  ];
  const ended = uchroot(words, { by: asInDocker() });
  t.equal(ended.status, 0);
  t.equal(ended.stderr, '');
});

test('--allow-new-privs is refused without CAP_SYS_ADMIN, not weakened', async (t) => {
  const ended = uchroot(['--allow-new-privs', 'nobody', jail, '/probe'], { by: asInDocker() });
  t.equal(ended.status, 125);
  t.equal(ended.stdout, '');
  t.match(ended.stderr, /^uchroot: seccomp: [^\n]*CAP_SYS_ADMIN[^\n]*\nhint: [^\n]*\n$/);
});
