// Files that programs of the host execute, or that say what is executed: they come out of a workspace only by name. Pure.
import type { BytePath } from '../tree/path.ts';
import type { FileStatus } from '../tree/root.ts';

/**
 * Patterns, in any directory: `*` is any part of a name, `/**` at the end is the directory and everything beneath, and `**` between
 * slashes is any directories. Upper and lower case are the same, as on
 * some file systems. If a directory of a pattern is replaced by a link or a file, or is deleted, that matches too: `.git` may lead elsewhere.
 */
export const executedFiles: readonly string[] = [
  '.git/hooks/**',
  '.git/config*',
  '.git/commondir',
  '.git/modules/**/hooks/**',
  '.git/modules/**/config*',
  '.git/modules/**/commondir',
  '.git/worktrees/*/commondir',
  '.git/worktrees/*/config*',
  '.git/rebase-merge/**',
  '.git/rebase-apply/**',
  '.git/sequencer/**',
  '.git/info/**',
  '.gitattributes',
  '.gitmodules',
  '.githooks/**',
  '.husky/**',
  'package.json',
  '.npmrc',
  '.yarnrc*',
  '.pnpmfile.cjs',
  'Makefile',
  'GNUmakefile',
  'CMakeLists.txt',
  'justfile',
  'build.rs',
  '.cargo/**',
  'setup.py',
  'conftest.py',
  'pyproject.toml',
  'Rakefile',
  'Gemfile',
  'Dockerfile*',
  'docker-compose*',
  '.envrc',
  '.env',
  '.bashrc',
  '.bash_profile',
  '.bash_login',
  '.bash_logout',
  '.profile',
  '.zshrc',
  '.zshenv',
  '.zprofile',
  '.zlogin',
  '.kshrc',
  '.cshrc',
  '.tcshrc',
  '.login',
  '.inputrc',
  '.xprofile',
  '.xsession*',
  '.xinitrc',
  '.config/**',
  '.local/bin/**',
  '.vimrc',
  '.exrc',
  '.nvim*',
  '.emacs*',
  '.dir-locals.el',
  '.gdbinit',
  '.gitconfig',
  '.ssh/**',
  '.vscode/**',
  '.idea/**',
  '.devcontainer/**',
  '.claude/**',
  '.cursor/**',
  '.mcp.json',
  '.github/workflows/**',
  '.gitlab-ci.yml',
  '.pre-commit-config.yaml',
];

function toRegExp(pattern: string): RegExp {
  const text = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\/\*\*$|\/\*\*\/|\*/g, (found) => {
    if (found === '*') return '[^/]*';
    return found === '/**' ? '(?:/.*)?' : '/(?:.*/)?';
  });
  return new RegExp(`(?:^|/)${text}$`, 'is');
}

/** Whether a path is one of the patterns; `kind` is its kind now, undefined if it is deleted. */
export type Matcher = (path: BytePath, kind: FileStatus['kind'] | undefined) => boolean;

// `.git` and `.git/info` of `.git/info/**`
const directoriesOf = (pattern: string): readonly string[] =>
  [...pattern.matchAll(/\//g)]
    .map(({ index }) => pattern.slice(0, index))
    .filter((one) => !one.includes('*'));

const isIn = (list: readonly RegExp[], path: BytePath): boolean => list.some((one) => one.test(path));

/** Matches paths of a workspace with patterns such as `.git/hooks/**`. */
export function matcher(patterns: readonly string[]): Matcher {
  const given = patterns.map((pattern) => pattern.replace(/^\/+/, ''));
  const all = given.map(toRegExp);
  const above = [...new Set(given.flatMap(directoriesOf))].map(toRegExp);
  return (path, kind) => isIn(all, path) || (kind !== 'directory' && isIn(above, path));
}
