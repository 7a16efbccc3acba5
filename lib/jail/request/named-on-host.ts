// Finds programs and accounts of the host by name.

import { bytePath, type BytePath, joinPath, lastComponent, parentPath, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk, type Walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { nameHint, unknown } from '../../launch/host/account.ts';
import { native } from '../../native.ts';
import { didYouMean } from '../../words/nearest.ts';
import { type Bytes, quote } from '../../words/quote.ts';
import { listIfThere } from '../dpkg/readable-files.ts';
import { absolute, isExecutable, neighbourHint, WHY } from '../host/given-path.ts';
import { packs } from '../packs/index.ts';
import type { JailUser } from '../packs/pack.ts';
import { commandLine, eachAlone } from '../../words/shell-word.ts';
import { readSmallText } from '../../binary/loader-conf.ts';

/**
 * A path, or a name that is searched in the directories of `path` as a shell does. A program that ordinary users cannot
 * execute, such as the wrappers of a version manager in root's home, is taken only if there is no other.
 * @throws UsageError if it does not exist, or is the shim of a version manager
 */
export function findProgram(
  root: FileRoot,
  program: Bytes,
  path = process.env['PATH'] ?? '/usr/bin:/bin',
  isForeign = false,
): BytePath {
  if (bytePath(program).includes('/')) return givenProgram(root, absolute(program, isForeign), program);
  const found = path
    .split(':')
    .map((directory) => joinPath(absolute(directory === '' ? '.' : directory), bytePath(program)))
    .map((candidate) => ({ candidate, end: walk(root, candidate) }))
    .filter(({ end }) => isExecutable(end));
  const chosen = found.find(({ candidate, end }) => isPublic(root, candidate, end)) ?? found[0];
  if (chosen !== undefined) return refuseShim(root, chosen.candidate);
  const names = path.split(':').flatMap((directory) => listIfThere(root, absolute(directory)));
  // a file of exactly this name exists but cannot be executed
  const others = [...new Set(names)].filter((name) => name !== bytePath(program));
  throw new UsageError(`program ${quote(program)} is in none of the directories of PATH`, {
    hint:
      hereHint(root, program) ??
      meantBy(root, bytePath(program), others) ??
      'install it on the host, or give its path',
  });
}

// A file of the working directory, which PATH does not have.
function hereHint(root: FileRoot, program: Bytes): string | undefined {
  const end = walk(root, absolute(program));
  if (end.kind !== 'found' || end.status.kind !== 'file') return undefined;
  return isExecutable(end)
    ? `write ./${quote(program)}`
    : `what is no program is copied by: --copy ${quote(program)}`;
}

// The package, pack or program of the host that a word names, if no program of PATH has that name.
function meantBy(root: FileRoot, program: BytePath, others: readonly BytePath[]): string | undefined {
  const [, ofDebian] = /^(?:apt|deb|dpkg|pkg|package):([a-z0-9][a-z0-9+.-]+)$/.exec(program) ?? [];
  if (ofDebian !== undefined) return `write --package ${ofDebian}`;
  const [first = program] = program.split(' ', 1) as BytePath[];
  if (first !== program && others.includes(first))
    return `write ${showPath(first)}: a program comes without its arguments`;
  const [, plain] = /^([\w.+-]+?)[=@<>~]+\S+$/.exec(program) ?? [];
  if (plain !== undefined && others.includes(plain as BytePath))
    return `write ${plain}: a jail has the version of the host`;
  const lists = ['', ':amd64', ':arm64'].map((end) => `/var/lib/dpkg/info/${program}${end}.list`);
  if (
    /^[a-z0-9][a-z0-9+.-]+$/.test(program) &&
    lists.some((list) => root.lstat(bytePath(list)) !== undefined)
  )
    return `write --package ${program}`;
  if (packs.some(({ name }) => name === program)) return `write --pack ${program}`;
  return didYouMean(program, others, (name) => showPath(name as BytePath));
}

function givenProgram(root: FileRoot, path: BytePath, program: Bytes): BytePath {
  const end = walk(root, path);
  if (end.kind === 'found' && end.status.kind === 'file') return refuseShim(root, path);
  throw new UsageError(`program ${quote(program)}: ${WHY[end.kind]}`, { hint: pathHint(root, path, end) });
}

function pathHint(root: FileRoot, path: BytePath, end: Walk): string {
  if (end.kind === 'found' && end.status.kind === 'directory')
    return `a directory is copied by: --copy ${showPath(path)}`;
  if (end.kind === 'denied') return 'name a file that this user may read, or try sudo';
  return neighbourHint(root, path);
}

/** Whether every user can search all directories on the path, and execute the file. */
function isPublic(root: FileRoot, path: BytePath, end: Walk): boolean {
  if (end.kind !== 'found' || (end.status.mode & 0o001) === 0) return false;
  const ways = [parentPath(path), parentPath(end.path), ...end.links.map((link) => parentPath(link.path))];
  return ways.every((directory) => isSearchable(root, directory));
}

function isSearchable(root: FileRoot, directory: BytePath): boolean {
  const way = walk(root, directory);
  if (way.kind !== 'found' || (way.status.mode & 0o001) === 0) return false;
  return way.path === '/' || isSearchable(root, parentPath(way.path));
}

// Forms of a user that other commands take.
function userHint(name: string): string | undefined {
  const [user = '', group] = name.split(':');
  if (group !== undefined && native.getpwnam(user) !== null)
    return `write ${quote(user)}: the groups of a user come along`;
  const list = eachAlone('--user', name);
  if (list !== undefined && name.split(',').every((each) => native.getpwnam(each) !== null)) return list;
  const id = /^\+?([0-9]{1,9})$/.exec(name)?.[1];
  const entry = id === undefined ? null : native.getpwuid(Number(id));
  return entry === null ? undefined : `write ${quote(entry.name)}: an account has a name`;
}

/** Accounts of the host (getpwnam(3), getgrouplist(3)). @throws LaunchError ERR_UNKNOWN_USER; UsageError for uid 0 */
export function readUsers(names: readonly string[]): readonly JailUser[] {
  return names.map((name) => {
    const entry = native.getpwnam(name);
    if (entry === null) throw unknown('user', name, userHint(name) ?? nameHint('user', name));
    if (entry.uid === 0)
      throw new UsageError(`user ${quote(name)} is uid 0, which has root's power in a jail`, {
        hint: 'name an ordinary user; root is in the /etc/passwd of every jail',
      });
    const { uid, gid, gecos, dir: home, shell } = entry;
    const gids = [gid, ...native.getgrouplist(name, gid).filter((other) => other !== gid)];
    const groups = gids.map((id) => ({ name: native.getgrgid(id)?.name ?? String(id), gid: id }));
    return { name: entry.name, uid, gid, gecos, home, shell, groups };
  });
}

const MAX_BYTES = 4096;
// pyenv(1) and those made after it, asdf and mise: the last line of a shim is `exec ".../pyenv" exec "$program" "$@"`
const EXEC = /^\s*exec\s+(["']?)(?:\S*\/)?(pyenv|rbenv|nodenv|goenv|jenv|plenv|phpenv|asdf|mise)\1\s+exec\s/m;

/** The version manager whose shim lies at `path`; undefined if it is none. */
function managerOf(root: FileRoot, path: BytePath): string | undefined {
  const end = walk(root, path);
  if (end.kind !== 'found' || end.status.kind !== 'file') return undefined;
  if (lastComponent(end.path) === 'volta-shim') return 'volta';
  if (end.status.sizeBytes > MAX_BYTES) return undefined;
  const text = readSmallText(root, end.path, MAX_BYTES);
  return text && EXEC.exec(text)?.[2];
}

/** Returns `path`. @throws UsageError if it is a shim: in a jail it finds neither its manager nor the program */
function refuseShim(root: FileRoot, path: BytePath): BytePath {
  const manager = managerOf(root, path);
  if (manager === undefined) return path;
  throw new UsageError(`program ${showPath(path)} is a shim of ${manager}, which a jail does not have`, {
    hint: `name the program that this prints: ${commandLine(manager, 'which', lastComponent(path))}`,
  });
}
