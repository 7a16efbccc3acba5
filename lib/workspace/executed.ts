// Files that programs of the host execute, or that say what is executed: they come out of a workspace only by name. Pure.
import type { BytePath } from '../tree/path.ts';

/** Patterns: `*` is any name, a pattern without a slash is a name in any directory, and `/**` is everything beneath. */
export const executedFiles: readonly string[] = [
  '.git/hooks/**',
  '.git/config',
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
  'build.rs',
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
  '.vimrc',
  '.exrc',
  '.gitconfig',
  '.ssh/**',
  '.vscode/**',
  '.idea/**',
  '.github/workflows/**',
  '.gitlab-ci.yml',
  '.pre-commit-config.yaml',
];

function toRegExp(pattern: string): RegExp {
  const text = pattern
    .replace(/^\/+/, '')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\/\*\*$/, '(?:/.*)?')
    .replace(/(?<!\.)\*/g, '[^/]*');
  return new RegExp(`(?:^|/)${text}$`, 's');
}

/** Whether a path of a workspace is one of the patterns, such as `.git/hooks/**`. */
export function matcher(patterns: readonly string[]): (path: BytePath) => boolean {
  const all = patterns.map(toRegExp);
  return (path) => all.some((one) => one.test(path));
}
