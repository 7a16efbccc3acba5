// The jail as the program's account sees it: follows a path in it, always beneath its root, and says why nothing is there.
import {
  bytePath,
  type BytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
  trimSlashes,
} from '../../tree/path.ts';
import { openFileRoot, type FileRoot, type FileStatus } from '../../tree/root.ts';
import { walk, type Walk } from '../../tree/walk.ts';
import { quote } from '../../words/quote.ts';
import type { Account } from '../host/account.ts';
import type { NormalRequest } from '../request/request.ts';
import { buildCommand, hostWord } from './program-hint.ts';

/** The cause: the rest of a message after `execve: PROGRAM: `, and a hint. */
export interface Diagnosis {
  readonly message: string;
  /** The file or directory in the jail that causes the failure. */
  readonly path: string;
  readonly hint?: string;
  /** The program or a file that it needs was not found: status 127. Otherwise it cannot be executed: 126. */
  readonly missing: boolean;
  /** The message is printed without the name of the step: it is the most frequent one, and should be short. */
  readonly isPlain?: true;
}

/** Facts of the host that decide about a hint. */
export interface HostGlance {
  /** The host's program at this path; for a name without slash, in a directory of PATH. Undefined if it has none. */
  readonly program: BytePath | undefined;
  /** The host has the interpreter of the script, or the command that env(1) starts for it. True if the program is no script. */
  readonly hasInterpreter: boolean;
  /** The host's /bin is a link to usr/bin. */
  readonly isMerged: boolean;
}

/** The jail as the program's account sees it. */
export interface JailView {
  readonly root: FileRoot;
  readonly account: Account;
  /** Path of the jail on the host, quoted, for hints. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  /** Where the launch mounts directories of the host. Before the launch, their content cannot be seen in the jail. */
  readonly binds: readonly BytePath[];
  /** A value of process.arch. */
  readonly architecture: string;
  /** Others could replace the jail: the builder refuses it. */
  readonly isUnsafe?: boolean | undefined;
  /** What the host has; undefined if that is not known. */
  readonly host?: HostGlance | undefined;
}

/** The part of a view that does not depend on the account. */
export function viewOfJail(
  { jail, cwd, view }: Pick<NormalRequest, 'jail' | 'cwd' | 'view'>,
  jailFd: number,
): Pick<JailView, 'root' | 'jail' | 'cwd' | 'binds'> {
  const binds = view.flatMap((entry) => (entry.kind === 'bind' ? [trimSlashes(bytePath(entry.target))] : []));
  return { root: openFileRoot(jailFd), jail: quote(jail), cwd, binds };
}

/** Whether the mode gives an account a right. No capability overrides it, not even for uid 0 (capabilities(7), CAP_DAC_OVERRIDE). */
export function mayExecute(status: FileStatus, { uid, gid, groups }: JailView['account']): boolean {
  if (status.uid === uid) return (status.mode & 0o100) !== 0;
  if (status.gid === gid || groups.includes(status.gid)) return (status.mode & 0o010) !== 0;
  return (status.mode & 0o001) !== 0;
}

/** Whether an account certainly cannot read a file: neither its mode nor any access control list that the mode permits allows it (acl(5)). */
export function isClosed({ uid, mode }: FileStatus, account: JailView['account']): boolean {
  // in a user namespace the ids are others
  return account.outside === undefined && (mode & (uid === account.uid ? 0o400 : 0o044)) === 0;
}

export function describeMode(status: FileStatus): string {
  return `mode ${status.mode.toString(8).padStart(4, '0')}, owner ${status.uid}:${status.gid}`;
}

// The first directory above one of these paths that the account cannot search.
function closedDirectory(view: JailView, paths: readonly BytePath[]): BytePath | undefined {
  for (const path of paths) {
    const above: BytePath[] = [];
    for (let directory = path; directory !== '/';) {
      directory = parentPath(directory);
      above.unshift(directory);
    }
    for (const directory of above) {
      const status = view.root.lstat(directory);
      if (status !== undefined && status.kind === 'directory' && !mayExecute(status, view.account))
        return directory;
    }
  }
  return undefined;
}

function closed(view: JailView, directory: BytePath, what: string): Diagnosis {
  const path = showPath(directory);
  return {
    message: `${what}the directory ${path} may not be entered by uid ${view.account.uid}`,
    path,
    hint: `chmod o+x ${hostWord(view, path)}`,
    missing: false,
  };
}

interface Found {
  readonly path: BytePath;
  readonly status: FileStatus;
}

/** The object at a path, or the reason why there is none; undefined if the path leads to a bind. */
export function find(view: JailView, path: BytePath, what: string): Found | Diagnosis | undefined {
  const from = joinPath(bytePath(view.cwd), path);
  const walked = walk(view.root, from);
  const way = [...walked.links.map((step) => step.path), walked.path];
  const isBound = (bind: BytePath): boolean => way.some((at) => isWithin(at, bind));
  if (view.binds.some(isBound)) return undefined;
  const shown = showPath(walked.path);
  const directory = closedDirectory(view, way);
  if (directory !== undefined) return closed(view, directory, what);
  switch (walked.kind) {
    case 'found':
      return walked;
    case 'denied':
      return closed(view, walked.path, what);
    case 'loop':
      return {
        message: `${what}too many symbolic links, at ${shown}`,
        path: shown,
        hint: `it leads back to itself: ln -sfn TARGET ${hostWord(view, shown)} makes it anew`,
        missing: false,
      };
    case 'not-directory':
      return { message: `${what}${shown} is not a directory`, path: shown, missing: true };
    case 'missing':
      return missing(view, from, walked, what);
    default:
      return walked satisfies never;
  }
}

/** The words for a program that the jail does not have. */
export const notFound = { message: 'not found in the jail', isPlain: true } as const;

// The words for a path without an object. They do not mention links among its directories: /bin is one nearly everywhere.
function missing(view: JailView, from: BytePath, { path, links }: Walk, what: string): Diagnosis {
  const shown = showPath(path);
  const found = { path: shown, missing: true, hint: buildCommand(view, from) };
  const directory = walk(view.root, parentPath(from));
  if (directory.kind === 'found' && path === joinPath(directory.path, lastComponent(from)))
    return what === '' ? { ...found, ...notFound } : { ...found, message: `${what}${notFound.message}` };
  const link = links.findLast((each) => walk(view.root, each.path).kind === 'missing');
  if (link !== undefined) {
    const leads = `the symbolic link ${showPath(link.path)} leads to ${showPath(link.target)}`;
    return { ...found, message: `${what}${leads}, and ${shown} does not exist in the jail` };
  }
  return { ...found, message: `${what}its directory ${shown} does not exist in the jail` };
}
