import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { attachPayload } from '../../lib/launch/compile/executable.ts';
import {
  makeJail,
  packageDirectory,
  publicCommand,
  rootTest,
  searchPath,
  start,
  temporaryDirectory,
  type Ended,
} from '../support/launch.ts';
import { readState } from '../support/probe.ts';

const test = rootTest('aarch64-linux-gnu-g++', 'qemu-aarch64', 'setpriv');
const jail = makeJail();
const mark = `${jail}/tmp/mark`;

// Does the same as scripts/prebuild, for this executable only.
function crossCompile(): string {
  const copy = temporaryDirectory();
  for (const name of ['binding.gyp', 'package.json', 'native', 'scripts'])
    cpSync(`${packageDirectory}/${name}`, `${copy}/${name}`, { recursive: true });
  symlinkSync(`${packageDirectory}/node_modules`, `${copy}/node_modules`);
  const tool = (name: string): string => `aarch64-linux-gnu-${name}`;
  execFileSync(`${copy}/scripts/build-native`, ['uchroot-compiled'], {
    env: {
      PATH: process.env.PATH ?? searchPath,
      HOME: process.env.HOME ?? '/root',
      CC: tool('gcc'),
      CXX: tool('g++'),
      AR: tool('ar'),
      npm_config_arch: 'arm64',
    },
  });
  return `${copy}/build/Release/uchroot-compiled`;
}

let made: { readonly executable: string; readonly launcher: string } | undefined;
const pidDirectory = temporaryDirectory();

// An installed package has it in prebuilds; here a copy is made once.
function compileOnce(): { readonly executable: string; readonly launcher: string } {
  if (made !== undefined) return made;
  const executable = crossCompile();
  const [node = '', command = ''] = publicCommand();
  const prebuilds = join(command, '../../../prebuilds/linux-arm64');
  mkdirSync(prebuilds, { recursive: true });
  cpSync(executable, `${prebuilds}/uchroot-compiled`);
  const launcher = `${temporaryDirectory()}/launcher`;
  const options = ['--compile', launcher, '--architecture', 'arm64', '--preserve-fds', '5'];
  const words = ['--pid-file', `${pidDirectory}/pid`, 'nobody', jail, '/probe', 'state'];
  const ended = start([node, command, ...options, ...words]);
  if (ended.status !== 0) throw new Error(ended.stderr);
  return (made = { executable, launcher });
}

function run(file: string, words: readonly string[] = [], by: readonly string[] = []): Ended {
  return start(['qemu-aarch64', file, ...words], {
    by,
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe'],
  });
}

test('a launcher for arm64 answers --plan and --version, and refuses who is not root', async (t) => {
  const { launcher } = compileOnce();
  const plan = run(launcher, ['--plan'], ['setpriv', '--reuid', '1', '--clear-groups']);
  t.equal(plan.status, 0);
  t.match(plan.stdout, /^uid 65534 \(nobody\)/);
  t.match(run(launcher, ['--version']).stdout, /^uchroot [0-9]/);
  const refused = run(launcher, [], ['setpriv', '--reuid', '1', '--clear-groups']);
  t.equal(refused.status, 3);
  t.match(refused.stderr, /^uchroot must be run as root\. {2}Current uid=1, euid=1\n/);
});

test('one that was cut or altered is refused there too', async (t) => {
  const { launcher } = compileOnce();
  const whole = readFileSync(launcher);
  const file = `${temporaryDirectory()}/damaged`;
  for (const cut of [1, 100, 5000]) {
    writeFileSync(file, whole.subarray(0, whole.length - cut), { mode: 0o755 });
    const { status, stderr } = run(file);
    t.equal(status, 125, `${cut} bytes less`);
    t.match(stderr, /^uchroot: launcher: this file is damaged/);
  }
  for (const at of [whole.indexOf('/proc/self/oom_score_adj'), whole.length - 3000, whole.length - 1]) {
    const altered = Buffer.from(whole);
    altered[at] = (altered[at] ?? 0) ^ 1;
    writeFileSync(file, altered, { mode: 0o755 });
    t.match(run(file).stderr, /^uchroot: launcher: this file is damaged/, `byte ${at}`);
  }
});

test('a jail that was replaced is refused there too', async (t) => {
  const { launcher } = compileOnce();
  renameSync(jail, `${jail}-away`);
  mkdirSync(jail, { mode: 0o755 });
  const { status, stderr } = run(launcher);
  rmSync(jail, { recursive: true });
  renameSync(`${jail}-away`, jail);
  t.equal(status, 125);
  t.match(stderr, /^uchroot: jail: [^\n]*: is another directory than the one/);
});

test('it goes as far as qemu-user can, which has no seccomp, and there it ends', async (t) => {
  const { launcher } = compileOnce();
  rmSync(mark, { force: true });
  const { status, stdout, stderr } = run(launcher);
  t.equal(status, 125);
  t.equal(stdout, '');
  t.match(stderr, /^uchroot: seccomp: [^\n]*: function not implemented\n$/);
  t.notOk(existsSync(mark));
  t.same(readdirSync(pidDirectory), [], 'root’s rights are gone by then, and the pid file too');
});

// qemu passes execve to this machine's kernel, which executes a program for this machine.
test('all other steps are carried out, as the program can tell', async (t) => {
  const { executable, launcher } = compileOnce();
  const whole = readFileSync(launcher);
  const payload = whole.subarray(whole.lastIndexOf('UCL2') - 8);
  const plan = payload.indexOf('UCP2');
  // behind the header of the plan and that of its only stage (native/plan/plan.h)
  let at = plan + 24;
  for (let left = payload.readUInt32LE(plan + 16); left > 0; left--) {
    const op = payload.readUInt16LE(at);
    // the step verify_seccomp becomes one that changes nothing: the ambient set is cleared again
    if (op === 38) payload.writeUInt16LE(18, at);
    if (op === 26) {
      // the step seccomp becomes one that writes its filter to descriptor 2
      payload.writeUInt16LE(35, at);
      payload.writeBigUInt64LE(2n, at + 8);
    }
    at += 24 + Math.ceil(payload.readUInt32LE(at + 4) / 8) * 8;
  }
  const file = `${temporaryDirectory()}/unfiltered`;
  writeFileSync(file, attachPayload(readFileSync(executable), payload), { mode: 0o755 });
  const state = readState(run(file));
  const {
    uid,
    gid,
    groups,
    effective,
    permitted,
    inheritable,
    bounding,
    ambient,
    noNewPrivs,
    blocked,
    ignored,
  } = state;
  t.same(
    [uid, gid, groups],
    [Array.from({ length: 4 }, () => 65534), Array.from({ length: 4 }, () => 65534), [65534]],
  );
  t.same([effective, permitted, inheritable, bounding, ambient], ['0', '0', '0', '0', '0']);
  t.same([noNewPrivs, blocked, ignored, state.umask], [1, '0', '0', 0o022]);
  t.same(Object.keys(state.fds), ['0', '1', '2', '5']);
  t.match(readFileSync(`${pidDirectory}/pid`, 'utf8'), /^[0-9]+\n$/);
});
