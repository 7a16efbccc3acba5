// For root tests of the builder: the command, small systems to build from, and listings of whole trees.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { bytePath, pathBytes } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { walk } from '../../lib/tree/walk.ts';
import { type Manifest, parseManifest } from '../../lib/jail/manifest/manifest.ts';
import {
  packageDirectory,
  searchPath,
  start,
  withoutProgress,
  type Ended,
  type StartOptions,
} from './launch.ts';
import { Resident } from './resident.ts';
import { sanitizerEnv } from './sanitizer.ts';

/** The words that start the installed command. */
export const jailCommand: readonly string[] = [
  process.execPath,
  `${packageDirectory}/dist/bin/uchroot-jail.cjs`,
];

const resident = new Resident();

/** Runs the command with these arguments, in a process of its own if an option needs one. */
export function uchrootJail(args: readonly string[], options: StartOptions = {}): Ended {
  const { cwd, env, ...others } = options;
  return Object.keys(others).length === 0 && resident.takes(args)
    ? resident.run('uchroot-jail', args, cwd, env)
    : start([...jailCommand, ...args], options);
}

/** The same, in the background; `kill` ends it at once. */
export function beginUchrootJail(args: readonly string[]): {
  readonly ended: Promise<{ readonly status: number | null; readonly stderr: string }>;
  kill(signal: NodeJS.Signals): void;
} {
  const [file = '', ...words] = [...jailCommand, ...args];
  const child = spawn(file, words, {
    env: { PATH: searchPath, ...sanitizerEnv },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<{ status: number | null; stderr: string }>((resolve) => {
    child.once('close', (status) => resolve({ status, stderr: withoutProgress(stderr) }));
  });
  return { ended, kill: (signal) => void child.kill(signal) };
}

/** Runs a program in the jail as an ordinary user; returns its output, or how it failed. */
export function runIn(jail: string, ...argv: readonly string[]): string {
  const { stdout, stderr, status } = start(['chroot', '--userspec=65534:65534', jail, ...argv]);
  return status === 0 ? stdout : `status ${status}: ${stderr}`;
}

/** Copies a file of the host to the same path of the system at `root`, with the links that lead there. */
function putHostFile(root: string, path: string): void {
  const host = openFileRoot('/');
  try {
    const way = walk(host, bytePath(path));
    for (const link of way.links) {
      const at = `${root}${link.path}`;
      if (existsSync(dirname(at)) && isThere(at)) continue;
      mkdirSync(dirname(at), { recursive: true });
      symlinkSync(pathBytes(link.target), at);
    }
    const real = `${root}${way.path}`;
    mkdirSync(dirname(real), { recursive: true });
    if (isThere(real)) return;
    copyFileSync(pathBytes(way.path), real);
    const { mode, atime, mtime } = statSync(pathBytes(way.path));
    chmodSync(real, mode & 0o755);
    utimesSync(real, atime, mtime);
  } finally {
    host.close();
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A system in a directory: only programs of the host, with their loader and libraries. */
export function makeSystem(root: string, ...programs: readonly string[]): void {
  for (const program of programs) {
    putHostFile(root, program);
    const { stdout } = start(['ldd', program]);
    for (const [, path = ''] of stdout.matchAll(/(\/\S+) \(0x/g)) putHostFile(root, path);
  }
}

/** Another version of such a system: each file is a little longer; an ELF file still works. */
export function makeNextVersion(from: string, to: string): void {
  start(['cp', '-a', from, to]);
  for (const path of filesIn(to)) appendFileSync(`${to}/${path}`, 'next');
}

/** Regular files below a directory, relative to it. */
export function filesIn(directory: string): readonly string[] {
  return everythingIn(directory).filter((name) => lstatSync(below(directory, name)).isFile());
}

/**
 * All names below a directory, relative to it, one character for each byte. Node's recursive readdir is not used: it follows
 * links.
 */
export function everythingIn(directory: string): readonly string[] {
  const options = { withFileTypes: true, encoding: 'latin1' } as const;
  return readdirSync(Buffer.from(directory, 'latin1'), options)
    .flatMap((entry) => (entry.isDirectory() ? withContent(directory, entry.name) : [entry.name]))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

function withContent(directory: string, name: string): readonly string[] {
  return [name, ...everythingIn(`${directory}/${name}`).map((inside) => `${name}/${inside}`)];
}

function below(directory: string, name: string): Buffer {
  return Buffer.from(`${directory}/${name}`, 'latin1');
}

/** Everything about a tree except inode numbers and access times: a line for each path. */
export function describeTree(
  directory: string,
  options: { readonly directoryTimes?: boolean } = {},
): readonly string[] {
  return ['', ...everythingIn(directory)].map((name) => {
    const path = below(directory, name);
    const { mode, uid, gid, rdev, mtimeNs, nlink } = lstatSync(path, { bigint: true });
    const type = Number(mode) & constants.S_IFMT;
    const isTimed = type !== constants.S_IFDIR || options.directoryTimes !== false;
    const content =
      type === constants.S_IFREG
        ? `${sha256(path)} x${nlink}`
        : type === constants.S_IFLNK
          ? `-> ${readlinkSync(path, 'latin1')}`
          : String(rdev);
    return [name, Number(mode).toString(8), uid, gid, isTimed ? mtimeNs : '', content].join(' ');
  });
}

export function sha256(path: string | Buffer): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

export function manifestOf(jail: string): Manifest {
  return parseManifest(readFileSync(`${jail}/.uchroot/manifest.json.gz`));
}

/** The paths where a jail differs from its manifest, a line for each; and the files that a run has left behind. */
export function faultsOf(jail: string): readonly string[] {
  const faults = manifestOf(jail).entries.flatMap(({ path, kind, mode, uid, gid, sha256: hash, target }) => {
    const at = below(jail, path.slice(1));
    const status = lstatSync(at, { throwIfNoEntry: false });
    if (status === undefined) return [`${path} is not there`];
    const isAsIs =
      kind === 'link'
        ? status.isSymbolicLink() && readlinkSync(at, 'latin1') === target
        : (status.mode & 0o7777) === mode && status.uid === uid && status.gid === gid;
    const isSame = kind !== 'file' || (status.isFile() && sha256(at) === hash);
    return isAsIs && isSame ? [] : [`${path} is another one`];
  });
  const left = readdirSync(`${jail}/.uchroot`).filter((name) => name !== 'manifest.json.gz');
  return [...faults, ...left.map((name) => `.uchroot/${name} is left`)];
}
