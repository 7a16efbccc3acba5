import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';

import { delegate, runCommand as runFor } from '../../../lib/tcpwrappers/apply/shell-command.ts';
import { makeDirectory } from '../../support/directory.ts';
import { eventually } from '../../support/patience.ts';
import { unlessInstalled } from '../../support/root.ts';
import { connectOnce } from '../../support/tcpwrappers/one-connection.ts';

const setting = { variables: {}, timeoutMs: 20_000 };

function runCommand(command: string, given: Parameters<typeof runFor>[2]): ReturnType<typeof runFor> {
  return runFor(command, '10.0.0.1', given);
}

// What a command has written to a file that it was given as $out.
async function outputOf(t: Test, command: string, variables: Record<string, string> = {}): Promise<string> {
  const out = join(makeDirectory(t), 'out');
  await runCommand(command, { ...setting, variables: { ...variables, out } });
  return readFileSync(out, 'latin1');
}

/** A command that runs until it is released; the end of the test releases it too. */
function hold(t: Test): { readonly command: string; release(): void } {
  const file = join(makeDirectory(t), 'held');
  writeFileSync(file, '');
  return { command: `while [ -e ${file} ]; do sleep 0.1; done`, release: () => rmSync(file) };
}

t.test('a command succeeds by its exit status', async (t) => {
  t.same(await runCommand('true', setting), { succeeded: true, problem: undefined });
  t.same(await runCommand('exit 3', setting), { succeeded: false, problem: undefined });
  t.same(await runCommand('kill -9 $$', setting), { succeeded: false, problem: 'ended by SIGKILL' });
  t.equal((await runCommand('no-such-command-here', setting)).succeeded, false);
});

t.test('it has /dev/null for input, output and errors', async (t) => {
  const links = await outputOf(t, 'for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done > "$out"');
  // of its output the shell has saved a copy
  t.match(links, /^\/dev\/null\n.*\n\/dev\/null\n$/);
  t.equal(await outputOf(t, 'wc -c > "$out"'), '0\n');
});

t.test('it is in a session of its own, without a terminal', async (t) => {
  // pid, and of its stat: session and terminal (proc_pid_stat(5))
  const [pid, session, terminal] = (
    await outputOf(t, 'echo $$ $(cut -d" " -f6,7 /proc/$$/stat) > "$out"; : ')
  ).split(/\s/);
  t.equal(session, pid);
  t.equal(terminal, '0');
});

t.test('it has the environment and the directory of this process, and variables of its own', async (t) => {
  process.env.UCHROOT_TEST_MARK = 'kept';
  t.equal(
    await outputOf(t, 'echo "$UCHROOT_TEST_MARK $SET $(pwd)" > "$out"', { SET: 'a b' }),
    `kept a b ${process.cwd()}\n`,
  );
  t.equal(process.env.SET, undefined);
});

t.test('it has no descriptor of this process', async (t) => {
  const fds = await outputOf(t, 'ls /proc/$$/fd > "$out"');
  t.ok(fds.split('\n').filter((fd) => fd !== '' && Number(fd) > 2 && Number(fd) < 10).length === 0, fds);
});

t.test('bytes that are no UTF-8 reach the shell as they are', async (t) => {
  t.equal(await outputOf(t, 'printf %s "j\xe9\' $(echo b\xff)" > "$out"'), "j\xe9' b\xff");
});

t.test('at the end of its time it is killed, and its children with it', async (t) => {
  const mark = join(makeDirectory(t), 'mark');
  const command = `(sleep 1; touch ${mark}) & sleep 60`;
  t.same(await runCommand(command, { ...setting, timeoutMs: 200 }), {
    succeeded: false,
    problem: 'killed after 200 ms',
  });
  await sleep(1500);
  t.notOk(existsSync(mark));
});

t.test('what it leaves in the background goes on', async (t) => {
  const directory = makeDirectory(t);
  const [go, mark] = [join(directory, 'go'), join(directory, 'mark')];
  const command = `(until [ -e ${go} ]; do sleep 0.1; done; touch ${mark}) &`;
  t.equal((await runCommand(command, setting)).succeeded, true);
  writeFileSync(go, '');
  t.ok(await eventually(() => existsSync(mark)));
});

t.test('not too many run at once, and who waits too long does not run', async (t) => {
  const held = hold(t);
  const long = Array.from({ length: 64 }, (_, i) => runFor(held.command, `10.0.0.${i % 4}`, setting));
  const late = await runCommand('true', { ...setting, timeoutMs: 100 });
  t.same(late, { succeeded: false, problem: 'too many commands are running' });
  const waiting = runCommand('true', setting);
  held.release();
  t.ok((await Promise.all(long)).every(({ succeeded }) => succeeded));
  t.equal((await waiting).succeeded, true);
});

t.test('a client for whom as many run as may is in nobody else’s way', async (t) => {
  const long = Array.from({ length: 300 }, () => runFor('sleep 0.2', '10.0.0.2', setting));
  t.equal((await runCommand('true', { ...setting, timeoutMs: 5000 })).succeeded, true);
  const problems = (await Promise.all(long)).filter(
    ({ problem }) => problem === 'too many commands are running',
  );
  t.equal(problems.length, 300 - 16 - 256, 'what does not wait either');
});

t.test('who asks again and again for a command that serves him gets no more than a share', async (t) => {
  const fd = openSync('/dev/null', 'r+');
  t.teardown(() => closeSync(fd));
  const held = hold(t);
  const serve = (client: string) => delegate(held.command, { fd, client }, setting);
  const all = await Promise.all(Array.from({ length: 70 }, () => serve('10.0.0.3')));
  t.equal(all.filter(({ succeeded }) => succeeded).length, 64);
  t.same(all.at(-1), { succeeded: false, problem: 'too many commands are running' });
  t.same(await serve('10.0.0.4'), { succeeded: true }, 'he is in nobody else’s way');
  held.release();
  t.ok(
    await eventually(async () => (await serve('10.0.0.3')).succeeded),
    'and when they have ended he gets another',
  );
});

t.test(
  'no command costs a copy of the page tables of this process, as a fork would',
  { skip: unlessInstalled('strace') },
  async (t) => {
    const trace = join(makeDirectory(t), 'trace');
    const { allow, deny } = { allow: join(makeDirectory(t), 'allow'), deny: '/dev/null' };
    writeFileSync(allow, 'sshd: ALL: spawn true: aclexec true\n');
    const by = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=clone,clone3,fork,vfork'];
    t.match((await connectOnce({ allow, deny }, 'sshd', { by })).told, { verdict: 'granted', problems: [] });
    const copies = readFileSync(trace, 'latin1')
      .split('\n')
      .filter((line) => /fork\(|clone3?\(/.test(line) && !line.includes('CLONE_VM'));
    t.same(copies, []);
  },
);
