// Follows a path in the jail, always beneath its root, and says why nothing is there.
import {
  bytePath,
  type BytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
} from '../../tree/path.ts';
import type { FileStatus } from '../../tree/root.ts';
import { walk, type Walk } from '../../tree/walk.ts';
import { mayExecute, type JailView } from './jail-view.ts';
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
