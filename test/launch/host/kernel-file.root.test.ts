// Files of /proc and /sys that are hidden, cut off or garbled: with /sys/fs/cgroup below another mount, --memory and --doctor ended with
// a stack trace of Node. Only errors of our own may be seen, whatever is read: the reads are found by watching the commands.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import t from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import {
  commandEnv,
  makeJail,
  packageDirectory,
  plainRootTest,
  temporaryDirectory,
} from '../../support/launch.ts';
import { uchrootJail } from '../../support/builder.ts';
import { patientMs } from '../../support/patience.ts';

// some hundred commands
t.setTimeout(patientMs(600_000));

const test = plainRootTest('unshare', 'mount');
const bin = join(packageDirectory, 'dist/bin');
const jail = makeJail();
const built = process.getuid?.() === 0 ? `${temporaryDirectory()}/built` : '/';

t.before(() => {
  if (built !== '/') uchrootJail(['build', built, 'true']);
});

// What can happen to a call: only a text can be garbled, and only what is long can be cut off.
const modesOf = (key: string): readonly string[] => {
  if (/^read(?:File|link) /.test(key)) return ['hidden', 'empty', 'cut', 'garbled'];
  return key.startsWith('readdir ') ? ['hidden', 'empty', 'cut'] : ['hidden'];
};

// Changes calls of node:fs on paths of the kernel, and writes down those that it has changed; without a mode, all of them. Directories of
// cgroups are read by one loop.
const hook = `
  const fs = require('node:fs');
  const { FUZZ_AT: at = '', FUZZ_MODE: mode, FUZZ_LOG: log } = process.env;
  const changing = new Set(at.split('\\n'));
  for (const name of ['FUZZ_AT', 'FUZZ_MODE', 'FUZZ_LOG']) delete process.env[name];
  const { appendFileSync } = fs;
  const garbled = { empty: () => '', cut: (text) => text.slice(0, text.length / 2), garbled: (text) => text.replace(/[0-9a-z]/g, '#') };
  const changed = (value) => {
    if (typeof value === 'string') return garbled[mode](value);
    if (Buffer.isBuffer(value)) return Buffer.from(garbled[mode](value.toString('latin1')), 'latin1');
    return Array.isArray(value) ? value.slice(0, mode === 'empty' ? 0 : value.length / 2) : value;
  };
  let isInside = false;
  const isHit = (name, path) => {
    if (isInside || !/^\\/(proc|sys)(\\/|$)/.test(String(path))) return false;
    const known = String(path).replaceAll(/[0-9a-f]*[0-9][0-9a-f]*/g, 'N');
    const key = name + ' ' + (name === 'readdir' ? known.replace(/^(\\/sys\\/fs\\/cgroup)\\/.*/, '$1') : known);
    if (mode !== undefined && !changing.has(key)) return false;
    appendFileSync(log, key + '\\n');
    if (mode === undefined) return false;
    if (mode === 'hidden')
      throw Object.assign(new Error('ENOENT: no such file or directory, ' + name), {
        code: 'ENOENT', errno: -2, syscall: name, path: String(path),
      });
    return true;
  };
  for (const name of ['readFile', 'readlink', 'readdir', 'stat', 'open', 'access']) {
    const [now, later] = [fs[name + 'Sync'], fs.promises[name]];
    fs[name + 'Sync'] = (path, ...rest) => {
      const hit = isHit(name, path);
      const before = isInside;
      isInside = true;
      try {
        const value = now(path, ...rest);
        return hit ? changed(value) : value;
      } finally {
        isInside = before;
      }
    };
    fs.promises[name] = async (path, ...rest) => (isHit(name, path) ? changed : (value) => value)(await later(path, ...rest));
  }
  require('node:module').syncBuiltinESMExports();`;

interface Run {
  readonly status: number | null;
  readonly stderr: string;
}

async function runWords(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  const [file = '', ...args] = words;
  const child = spawn(file, args, { env: { ...commandEnv, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  const hung = setTimeout(() => child.kill('SIGKILL'), patientMs(20_000));
  // a daemon has opened everything when it says so
  child.stderr.on('data', (chunk) => void (String(chunk).includes('listening') && child.kill('SIGTERM')));
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  clearTimeout(hung);
  return { status: child.exitCode, stderr };
}

const limited = ['--memory', '64M', '--isolate', '--proc', '/proc'];

const tcpd = (at: string): readonly string[] => {
  writeFileSync(`${at}/allow`, 'ALL: ALL\n');
  writeFileSync(`${at}/deny`, '');
  const rules = ['--allow', `${at}/allow`, '--deny', `${at}/deny`];
  return ['uchroot-tcpd', 'run', ...rules, '--jail', `nobody:${jail}`, ...limited, '/probe'];
};

const inetd = (at: string): readonly string[] => [
  'uchroot-inetd',
  '--listen',
  `${at}/socket`,
  ...limited,
  'nobody',
  jail,
  '/probe',
];

const copyOf = (at: string): string => {
  execFileSync('cp', ['-a', built, `${at}/copy`]);
  return `${at}/copy`;
};

// These look at all processes. Here they see one besides themselves, in a mount namespace of its own.
const amongFew = [
  'unshare',
  '--pid',
  '--fork',
  '--mount-proc',
  'sh',
  '-c',
  'unshare --mount sleep 60 & exec "$@"',
  'sh',
];

const daemons: ReadonlySet<(at: string) => readonly string[]> = new Set([tcpd, inetd]);
const triedOfLaunch = new Set<string>();
// One module makes a read for all commands: it meets every kind of text in the first of them. Each command meets the error.
const tried = new Set<string>();

for (const [title, command, by = []] of [
  ['a launch with limits', () => ['uchroot', '--memory', '64M', '--pids', '20', 'nobody', jail, '/probe']],
  ['a launch with descriptors', () => ['uchroot', '--status-fd', '2', '--isolate', 'nobody', jail, '/probe']],
  ['a compiled launcher', (at) => ['uchroot', '--compile', `${at}/launcher`, 'nobody', jail, '/probe']],
  ['a check', () => ['uchroot-jail', 'check', jail, '--user', 'nobody'], amongFew],
  ['a build that learns', (at) => ['uchroot-jail', 'build', `${at}/learned`, '--learn', '/bin/true']],
  ['an update', () => ['uchroot-jail', 'update', built]],
  ['a clone', (at) => ['uchroot-jail', 'clone', built, `${at}/clone`]],
  ['a removal', (at) => ['uchroot-jail', 'remove', copyOf(at)], amongFew],
  ['a daemon by tcpd', tcpd],
  ['inetd', inetd],
  ['the status of a service', () => ['uchroot-service', 'status', 'nginx']],
] as readonly (readonly [string, (at: string) => readonly string[], (readonly string[])?])[])
  test(`${title} ends with an error of our own, whatever file of the kernel is hidden, cut off or garbled`, async (t) => {
    const at = makeDirectory(t);
    const hookFile = `${at}/hook.cjs`;
    writeFileSync(hookFile, hook);
    const start = async (name: string, env: Readonly<Record<string, string>>): Promise<Run> => {
      const place = `${at}/${name}`;
      rmSync(place, { force: true, recursive: true });
      mkdirSync(place);
      const [program, ...args] = command(place);
      return runWords(
        [...by, process.execPath, '--require', hookFile, `${bin}/${program}.cjs`, ...args],
        env,
      );
    };
    const readLog = (name: string): ReadonlySet<string> =>
      new Set(existsSync(name) ? readFileSync(name, 'utf8').split('\n').filter(Boolean) : []);
    const whole = await start('first', { FUZZ_LOG: `${at}/log` });
    const read = readLog(`${at}/log`);
    t.ok(read.size > 0);
    // daemons launch by the code whose reads were tried before
    const keys = [...read].filter((key) => !(daemons.has(command) && triedOfLaunch.has(key)));
    if (daemons.has(command)) keys.push('readFile /proc/self/mountinfo', 'readFile /proc/self/cgroup');
    else if (title === 'a launch with limits') for (const key of keys) triedOfLaunch.add(key);
    // All calls are changed at once. A command that ends early may not have used what it had read before, so only its last one counts, and
    // the others are changed again.
    const change = async (mode: string): Promise<void> => {
      const left = new Set(
        keys.filter((key) => mode === 'hidden' || (!tried.has(key) && modesOf(key).includes(mode))),
      );
      for (let round = 0; left.size > 0; round++) {
        const log = `${at}/${mode}-${round}`;
        const run = await start(mode, { FUZZ_AT: [...left].join('\n'), FUZZ_MODE: mode, FUZZ_LOG: log });
        const changed = [...readLog(log)];
        t.notMatch(run.stderr, /^ +at |Error: /m, `${mode}: ${changed.join(', ')}`);
        t.not(run.status, null, `${mode}: ${changed.join(', ')}`);
        if (changed.length === 0) return; // it is read by chance
        for (const key of run.status === whole.status ? changed : changed.slice(-1)) left.delete(key);
      }
    };
    await Promise.all(['hidden', 'empty', 'cut', 'garbled'].map(change));
    for (const key of keys) tried.add(key);
  });

// Mounts over what the addon and the launcher read.
const mounts = [
  'mount -t tmpfs none /proc',
  'mount -t tmpfs none /sys',
  ...['ns', 'fd', 'task'].map((name) => `mount -t tmpfs none /proc/$$/${name}`),
  ...['oom_score_adj', 'status', 'mountinfo', 'cgroup'].map(
    (name) => `mount --bind /dev/null /proc/$$/${name}`,
  ),
];

test('what the addon reads in /proc and /sys may be missing: only errors of our own are seen', async (t) => {
  const at = makeDirectory(t);
  writeFileSync(
    `${at}/library.mjs`,
    `import { runInJail } from '${packageDirectory}/dist/package/index.mjs';
const request = { user: 'nobody', jail: '${jail}', program: '/probe', reject: false };
for (const more of [{}, { isolate: true, memory: '64M' }]) {
  const { failure } = await runInJail({ ...request, ...more }).catch((failure) => ({ failure }));
  if (failure !== undefined) console.error(failure.hint === undefined ? failure : failure.message);
}`,
  );
  for (const [i, mount] of mounts.entries()) {
    const here = mkdtempSync(`${at}/`);
    const commands: (readonly string[])[] = [['uchroot', ...limited, 'nobody', jail, '/probe']];
    // these launch as the others do
    if (i < 2) commands.push(tcpd(here), inetd(here));
    // what is a file of the process is for launches, and for JavaScript, whose reads fail above
    if (mount.startsWith('mount -t tmpfs'))
      commands.push(
        ['uchroot-jail', 'build', `${here}/learned`, '--learn', '/bin/true'],
        ['uchroot-jail', 'check', built],
      );
    // namespaces and threads are for launches and for those that look at all processes
    if (/^mount -t tmpfs(?!.*\/(?:ns|task)$)/.test(mount))
      commands.push(
        ['uchroot-jail', 'update', built],
        ['uchroot-jail', 'clone', built, `${here}/clone`],
        ['uchroot-jail', 'remove', copyOf(here)],
      );
    const by = ['unshare', '--mount', 'sh', '-c', `${mount}; exec "$@"`, 'sh', process.execPath];
    const started = commands.map(([name, ...words]) => [`${bin}/${name}.cjs`].concat(words));
    const all = [[`${at}/library.mjs`], ...started];
    const runs = await Promise.all(all.map((words) => runWords([...by, ...words], {})));
    for (const [i, { status, stderr }] of runs.entries()) {
      t.notMatch(stderr, /^ +at |^\w*Error: |^node:/m, `${mount}: ${all[i]?.join(' ')}`);
      t.not(status, null, `${mount}: ${all[i]?.join(' ')}`);
    }
  }
});

test('cgroups below another mount: --memory says so, and --doctor shows the other levels', async (t) => {
  const hidden = (...words: readonly string[]) =>
    spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
        'sh',
        process.execPath,
        `${bin}/uchroot.cjs`,
        ...words,
      ],
      { encoding: 'utf8', env: commandEnv },
    );
  const { status, stderr } = hidden('--memory', '64M', 'nobody', jail, '/probe');
  t.equal(status, 125);
  t.match(stderr, /^uchroot: cgroup: /);
  t.match(stderr, /^hint: /m);
  t.notMatch(stderr, /^ +at /m);
  const doctor = hidden('--doctor');
  t.equal(doctor.status, 0);
  t.match(doctor.stdout, /^isolate +yes /m);
  t.match(doctor.stdout, /^limits +no /m);
});
