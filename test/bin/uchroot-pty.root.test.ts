// --pty of the command: its terminal, its keys, and that the caller's terminal is as before at any end.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../support/builder.ts';
import { command, rootTest, commandEnv, start, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { eventually, processesOf, runs, text } from '../support/service.ts';
import { Terminal } from '../support/terminal.ts';

const test = rootTest('python3', 'dash');
const uid = 61_271;
const user = `+${uid}:+${uid}`;
const jail = process.getuid?.() === 0 ? `${temporaryDirectory()}/jail` : '/';
const shell = '/bin/bash';

t.before(() => {
  if (process.getuid?.() !== 0) return;
  const built = uchrootJail([
    'build',
    jail,
    'bash',
    'stty',
    'tty',
    'cat',
    'head',
    'sleep',
    'wc',
    'yes',
    'ls',
  ]);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/proc`, { recursive: true });
});

const words = (options: readonly string[], ...program: readonly string[]): readonly string[] => [
  ...command,
  '--pty',
  ...options,
  user,
  jail,
  ...program,
];

const inShell = (options: readonly string[], script: string): readonly string[] =>
  words(options, shell, '-c', script);

const own = ['--isolate', '--dev', '/dev', '--proc', '/proc'];
const ways: readonly (readonly string[])[] = [[], own];

const terminals = (): readonly string[] => readdirSync('/dev/pts').toSorted();

// A bare launch leaves nothing, and an isolated one neither.
async function nothingIsLeft(t: Tap, before: readonly string[]): Promise<void> {
  t.ok(await eventually(() => processesOf(uid).length === 0), 'no process');
  t.ok(await eventually(() => terminals().length <= before.length), 'no pseudo-terminal');
}

type Tap = Parameters<Parameters<typeof test>[1]>[0];

test('a program has a terminal of the size of the caller, and follows its changes', async (t) => {
  const before = terminals();
  for (const options of ways) {
    const terminal = new Terminal(words(options, shell, '--norc', '-i'), [33, 111]);
    await terminal.shows('$ ');
    t.ok(await terminal.becomes(true), 'keys reach the program one by one');
    terminal.type('stty size\n');
    await terminal.shows('33 111\r\n');
    terminal.type("trap 'stty size' WINCH; echo s''et\n");
    await terminal.shows('set\r\n');
    await terminal.shows('$ ');
    terminal.resize(20, 50);
    await terminal.shows('20 50\r\n');
    terminal.type('tty; exit 5\n');
    await terminal.shows(options.length > 0 ? '/dev/pts/0\r\n' : 'not a tty\r\n');
    t.equal(await terminal.ended(), 5);
  }
  await nothingIsLeft(t, before);
});

test('Ctrl-C, Ctrl-Z and fg work in a shell inside, and Ctrl-D ends it', async (t) => {
  for (const options of ways) {
    const terminal = new Terminal(words(options, shell, '--norc', '-i'));
    await terminal.shows('$ ');
    // It says so itself, so it is in the foreground by then.
    terminal.type("bash -c 'echo one; exec sleep 1000'\n");
    await terminal.shows('\none\r\n');
    terminal.type('\u0003');
    await terminal.shows('$ ');
    terminal.type('bash -c "echo status $?; exec sleep 1000"\n');
    await terminal.shows('status 130\r\n');
    terminal.type('\u001a');
    await terminal.shows('Stopped');
    await terminal.shows('$ ');
    terminal.type('fg\n');
    await terminal.shows('exec sleep 1000');
    // The shell says this before it gives its job the foreground.
    await terminal.typeUntil('\u0003', '$ ');
    terminal.type('(exit 7)\n');
    await terminal.shows('$ ');
    terminal.type('\u0004');
    t.equal(await terminal.ended(), 7);
  }
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

/** A shell of the host, in which launches are jobs. */
async function outerShell(): Promise<Terminal> {
  const outer = new Terminal(['bash', '--norc', '--noediting', '-i']);
  await outer.shows('% ');
  return outer;
}

/** Ends the shell in the jail with this status, and then the outer one, which must have got it. */
async function endsBoth(t: Tap, outer: Terminal, status: number): Promise<void> {
  outer.type(`exit ${status}\n`);
  await outer.shows('% ');
  outer.type('echo status $?; exit\n');
  await outer.shows(`status ${status}\r\n`);
  t.equal(await outer.ended(), 0);
}

test('a job of an outer shell stops with its terminal given back, and goes on with fg', async (t) => {
  for (const options of ways) {
    const outer = await outerShell();
    outer.type(`${words(options, shell, '--norc', '-i').join(' ')}\n`);
    await outer.shows('$ ');
    t.ok(await outer.becomes(true));
    const { foreground } = await outer.state();
    for (const stop of [
      () => process.kill(foreground, 'SIGTSTP'),
      () => outer.type('kill -STOP $$\n'),
      () => process.kill(foreground, 'SIGSTOP'),
    ]) {
      stop();
      await outer.shows('Stopped');
      await outer.shows('% ');
      t.ok(await outer.becomes(false), 'the outer shell reads lines');
      outer.type('echo outer; fg\n');
      await outer.shows('\nouter\r\n');
      t.ok(await outer.becomes(true), 'the inner one reads keys');
      outer.type('echo inn""er\n');
      await outer.shows('\ninner\r\n');
    }
    await endsBoth(t, outer, 6);
  }
});

test('in the background it waits for the terminal, as a job does', async (t) => {
  const outer = await outerShell();
  outer.type(`${words([], shell, '--norc', '-i').join(' ')} &\n`);
  await outer.shows('% ');
  const stopped = async (): Promise<boolean> => {
    outer.type('jobs\n');
    return (await outer.shows('% ')).includes('Stopped');
  };
  for (let tries = 0; tries < 200 && !(await stopped()); tries++) await new Promise((r) => setTimeout(r, 50));
  t.ok(await outer.becomes(false), 'the terminal is the shell’s');
  outer.type('fg\n');
  t.ok(await outer.becomes(true));
  await endsBoth(t, outer, 8);
});

// dash leaves the terminal as it is.
test('the terminal is given back if the process that waits is killed, alone or with its job', async (t) => {
  const before = terminals();
  for (const options of ways) {
    for (const target of ['process', 'group']) {
      const outer = new Terminal(['dash', '-i']);
      await outer.shows('% ');
      outer.type(`${inShell(options, "'echo ready; sleep 1000'").join(' ')}\n`);
      await outer.shows('\nready\r\n');
      t.ok(await outer.becomes(true));
      const { foreground } = await outer.state();
      process.kill(target === 'group' ? -foreground : foreground, 'SIGKILL');
      await outer.shows('% ');
      t.ok(await outer.becomes(false), `${options.join(' ')} ${target}`);
      t.ok(await eventually(() => processesOf(uid).length === 0), 'the program has ended');
      outer.type('exit 3\n');
      t.equal(await outer.ended(), 3);
    }
  }
  await nothingIsLeft(t, before);
});

test('the terminal is given back if a signal ends the program, and the status says so', async (t) => {
  for (const options of ways) {
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const outer = new Terminal(['dash', '-i']);
      await outer.shows('% ');
      outer.type(`${inShell(options, "'echo ready; sleep 1000'").join(' ')}\n`);
      await outer.shows('\nready\r\n');
      process.kill((await outer.state()).foreground, signal);
      await outer.shows('% ');
      t.ok(await outer.becomes(false));
      outer.type('echo status $?; exit\n');
      await outer.shows(`status ${status}\r\n`);
      await outer.ended();
    }
  }
});

test('all ends when the terminal of the caller is closed', async (t) => {
  const before = terminals();
  for (const options of ways) {
    const terminal = new Terminal(inShell(options, 'echo ready; sleep 1000'));
    await terminal.shows('ready');
    terminal.close();
    await terminal.ended();
    t.ok(await eventually(() => processesOf(uid).length === 0), options.join(' '));
  }
  await nothingIsLeft(t, before);
});

test('the program cannot kill what gives the terminal back', async (t) => {
  const outer = new Terminal(['dash', '-i']);
  await outer.shows('% ');
  outer.type(`${inShell([], "'echo ready; read -r line; kill -KILL -1'").join(' ')}\n`);
  await outer.shows('\nready\r\n');
  t.ok(await outer.becomes(true));
  outer.type('\r');
  await outer.shows('% ');
  t.ok(await outer.becomes(false));
  outer.type('exit\n');
  await outer.ended();
});

test('input that is no terminal is typed, and its end is the end of the input', async (t) => {
  for (const options of ways) {
    const run = (script: string, input: string) => start(inShell(options, script), { input });
    t.match(run('stty -echo; echo go; cat; exit 4', ''), { status: 4, stdout: 'go\r\n' });
    t.match(run('read -r a; read -r b; echo "<$a$b>"', 'one\ntwo\n').stdout, /<onetwo>\r\n$/);
    t.match(run('read -r a; echo "<$a>"', 'no end of the line').stdout, /<no end of the line>\r\n$/);
    t.match(run('cat; cat; echo done', 'x\n').stdout, /x\r\ndone\r\n$/, 'each reader is told');
    const bytes = run('stty -echo; head -n 1; wc -c', `x\n${`${'y'.repeat(1023)}\n`.repeat(200)}`);
    t.match(bytes.stdout, /\b204800\r\n$/, '200 KB arrive');
    t.match(run('stty size', '').stdout, '24 80\r\n');
  }
});

test('all of the output arrives, and a reader that leaves ends the program', async (t) => {
  for (const options of ways) {
    const script = 'stty -opost; head -c 10000000 /dev/zero; exit 9';
    const [file = '', ...args] = inShell(options, script);
    const { stdout, status } = spawnSync(file, args, {
      env: commandEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 2 ** 25,
    });
    t.same([stdout.length, status], [10_000_000, 9]);
    const child = spawn(file, [...args.slice(0, -3), '/usr/bin/yes'], {
      env: commandEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout?.once('data', () => child.stdout?.destroy());
    t.same(await once(child, 'exit'), [129, null], 'SIGHUP');
  }
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('output that nobody reads holds the command up for no longer than its time', async (t) => {
  for (const options of ways) {
    const pipe = `${temporaryDirectory()}/pipe`;
    execFileSync('mkfifo', [pipe]);
    const fd = openSync(pipe, 'r+');
    t.teardown(() => closeSync(fd));
    // more than a pipe holds, less than the terminal and a pipe; the program itself must end within the time
    const seconds = String(patientMs(1000) / 1000);
    const [file = '', ...args] = inShell([...options, '--time', seconds], 'head -c 68000 /dev/zero; exit 3');
    const child = spawn(file, args, { env: commandEnv, stdio: ['ignore', fd, 'inherit'] });
    t.same(await once(child, 'exit'), [3, null]);
  }
});

test('what a program leaves behind does not hold the command up', async (t) => {
  const [file = '', ...args] = inShell([], "trap '' HUP; sleep 1000 & echo $!");
  const child = spawn(file, args, { env: commandEnv, stdio: ['ignore', 'pipe', 'inherit'] });
  const shown = text(child.stdout);
  t.same(await once(child, 'exit'), [0, null]);
  const left = Number(await shown);
  if (!t.ok(left > 1 && runs(left), 'it runs on, as after any hang-up that it ignores')) return;
  process.kill(left, 'SIGKILL');
});

test('the command fails as without a terminal, and the terminal stays as it is', async (t) => {
  const missing = new Terminal([...words([], '/missing')]);
  await missing.shows('uchroot: /missing: not found in the jail');
  t.equal(await missing.ended(), 127);
  const plan = start([...command, '--plan=steps', '--pty', ...own, user, jail, shell]);
  t.match(plan.stdout, /open_pty +\/dev\/pts\/ptmx 80x24/);
  t.match(plan.stdout, /controlling_tty/);
  t.equal(plan.status, 0, plan.stderr);
  t.match(start([...command, '--plan=steps', '--pty', user, jail, shell]), {
    status: 0,
    stdout: /open_pty +\/dev\/pts\/ptmx of the jail, or \/dev\/ptmx 80x24/,
  });
});

test('a unit and a compiled launcher have none', async (t) => {
  t.match(start([...command, '--unit', 'systemd', '--pty', user, jail, shell]), {
    status: 1,
    stderr: /--pty: a unit has no terminal/,
  });
  t.match(start([...command, '--compile', '/tmp/none', '--pty', user, jail, shell]), {
    status: 1,
    stderr: /--compile and --pty are given at once/,
  });
});
