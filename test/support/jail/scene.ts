// Jails for the tests of clone and remove: a manifest of the builder's, and whatever else a test puts there.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';

import type { Test } from 'tap';

import { type Recorded, writeManifest } from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE, type Recipe } from '../../../lib/jail/manifest/recipe.ts';
import { makeDirectory } from '../directory.ts';
import { searchPath } from '../launch.ts';
import { eventually, plainEnv } from '../service.ts';

/** A jail with /etc/name, /tmp for everybody, and a manifest that lists what the recipe keeps privileges for. */
export function makeTemplate(directory: string, recipe: Partial<Recipe> = {}): string {
  const old = process.umask(0o022);
  mkdirSync(`${directory}/etc`, { recursive: true });
  mkdirSync(`${directory}/tmp`);
  chmodSync(`${directory}/tmp`, 0o1777);
  writeFileSync(`${directory}/etc/name`, 'template\n');
  mkdirSync(`${directory}/.uchroot`, { mode: 0o700 });
  const entries = (recipe.keepPrivileges ?? []).map((path): Recorded => ({
    path,
    source: path,
    kind: 'file',
    mode: 0o4755,
    uid: 0,
    gid: 0,
    reason: { how: 'asked' },
    sizeBytes: 5,
    sha256: '0'.repeat(64),
    mtimeMs: 0,
  }));
  const manifest = writeManifest({
    recipe: { ...EMPTY_RECIPE, ...recipe },
    packs: [],
    packages: {},
    entries,
  });
  writeFileSync(`${directory}/.uchroot/manifest.json.gz`, manifest, { mode: 0o600 });
  process.umask(old);
  return directory;
}

/** The output of a shell script; `$0` and those behind it are the arguments. */
export function sh(script: string, ...args: readonly string[]): string {
  const env = { PATH: searchPath };
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', script, ...args], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** Runs a script of node's to its end, by way of the words before it; what it writes. */
export function runScript(by: readonly string[], script: string): string {
  const [file, ...words] = [...by, process.execPath, '--input-type=module', '-e', script];
  return spawnSync(file, words, { encoding: 'utf8', env: plainEnv() }).stdout;
}

/** Mounts something for the time of a test. */
export function mount(t: Test, ...words: readonly string[]): string {
  const point = words.at(-1) ?? '';
  mkdirSync(point, { recursive: true });
  sh('mount "$0" "$@"', ...words);
  t.teardown(() => sh('umount -l "$0" 2>/dev/null || true', point));
  return point;
}

/** The same in memory, where a disk that others keep busy does not count. */
export function makeMemory(t: Test): string {
  return mount(t, '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', `${makeDirectory(t)}/memory`);
}

/** Runs a script of node's for the time of a test; returns its pid when it has written something. */
export function startScript(t: Test, script: string, ...args: readonly string[]): Promise<number> {
  return start(t, [process.execPath, '--input-type=module', '-e', script, ...args]);
}

/** The same for a program. */
export async function start(t: Test, [program = '', ...args]: readonly string[]): Promise<number> {
  const child = begin(t, program, args, '/');
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

/** Runs a program for the time of a test; returns its pid when it has become `name` (proc_pid_comm(5)). */
export async function run(
  t: Test,
  name: string,
  [program = '', ...args]: readonly string[],
  cwd = '/',
): Promise<number> {
  const { pid = 0 } = begin(t, program, args, cwd);
  if (await eventually(() => textOf(`/proc/${pid}/comm`) === `${name}\n`)) return pid;
  throw new Error(`${program} has not become ${name}`);
}

function begin(t: Test, program: string, args: readonly string[], cwd: string) {
  const child = spawn(program, args, { cwd, env: plainEnv(), stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => stop(child.pid ?? 0));
  return child;
}

/** Ends a child and waits until nothing is left of it. */
export async function stop(pid: number): Promise<void> {
  if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  if (!(await eventually(() => !existsSync(`/proc/${pid}`)))) throw new Error(`${pid} does not end`);
}

/** All entries of a tree, one a line: type and mode, owner, time in ns, size or target or device, name. */
export function listTree(directory: string, name = ''): readonly string[] {
  const path = Buffer.from(`${directory}/${name}`, 'latin1');
  const { mode, uid, gid, mtimeNs, size, rdev } = lstatSync(path, { bigint: true });
  const type = Number(mode) & constants.S_IFMT;
  const content = { [constants.S_IFLNK]: () => readlinkSync(path), [constants.S_IFREG]: () => size };
  const what = type === constants.S_IFDIR ? '' : (content[type]?.() ?? rdev);
  const names = type === constants.S_IFDIR ? readdirSync(path, { encoding: 'latin1' }).toSorted() : [];
  return [
    [mode.toString(8), uid, gid, mtimeNs, what, name].join(' '),
    ...names.flatMap((child) => listTree(directory, `${name}/${child}`)),
  ];
}

/** The content of the directory that a jail was made in, without the hidden names of work that is under way. */
export function namesIn(directory: string): readonly string[] {
  return readdirSync(directory).toSorted();
}

export function textOf(path: string): string {
  return readFileSync(path, 'latin1');
}

/** outside/, with a file that must stay, beside jail/. */
export function makeScene(t: Test): {
  readonly base: string;
  readonly jail: string;
  readonly outside: string;
} {
  const base = makeDirectory(t);
  mkdirSync(`${base}/outside/d`, { recursive: true });
  writeFileSync(`${base}/outside/d/kept`, 'kept');
  return { base, jail: makeTemplate(`${base}/jail`), outside: `${base}/outside` };
}
