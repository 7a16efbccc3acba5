// Files that programs of the host execute, or that say what is executed: they come out of a workspace only by name. Pure.
import { pathBytes, type BytePath } from '../tree/path.ts';
import type { FileStatus } from '../tree/root.ts';
import { words } from '../words/word-list.ts';

/**
 * Patterns, in any directory: `*` is any part of a name, `/**` at the end is the directory and everything beneath, and `**` between
 * slashes is any directories. A path that matches a pattern behind `!` is none of them. Names that some file systems take for the same
 * are the same: those in upper and lower case, in other Unicode forms, and with characters that nobody sees. If a directory of a pattern
 * is replaced by a link or a file, or is deleted, that matches too: `.git` may lead elsewhere.
 * `HEAD` is a repository without a `.git`, whose settings git takes in any directory (gitrepository-layout(5)).
 */
export const executedFiles: readonly string[] = words(`
  .git/hooks/** .git/config* .git/commondir .git/modules/**/hooks/** .git/modules/**/config*
  .git/modules/**/commondir .git/worktrees/*/commondir .git/worktrees/*/config* .git/**/rebase-merge/**
  .git/**/rebase-apply/** .git/**/sequencer/** .git/**/info/** HEAD !.git/**/HEAD .hg/hgrc* .gitattributes
  .gitmodules .githooks/** .husky/** package.json .npmrc .yarnrc* .pnpmfile.cjs Makefile GNUmakefile
  CMakeLists.txt justfile build.rs rust-toolchain* gradlew* *.gradle *.gradle.kts gradle/wrapper/** mvnw*
  .mvn/** .cargo/** setup.py conftest.py pyproject.toml sitecustomize.py usercustomize.py tox.ini noxfile.py
  Rakefile Gemfile Dockerfile* Containerfile* docker-compose* compose.y*ml .envrc .env .bashrc .bash_profile
  .bash_login .bash_logout .profile .zshrc .zshenv .zprofile .zlogin .kshrc .cshrc .tcshrc .login .inputrc
  .xprofile .xsession* .xinitrc .config/** .local/bin/** .vimrc .exrc .nvim* .emacs* .dir-locals.el .gdbinit
  .lldbinit .pdbrc* .Rprofile .ghci .gitconfig .ssh/** .vscode/** .idea/** .devcontainer/**
  .devcontainer.json .claude/** .cursor/** .mcp.json .github/workflows/** .github/actions/** .gitlab-ci.yml
  .pre-commit-config.yaml
`);

function toRegExp(pattern: string): RegExp {
  const text = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\/\*\*$|\/\*\*\/|\*/g, (found) => {
    if (found === '*') return '[^/]*';
    return found === '/**' ? '(?:/.*)?' : '/(?:.*/)?';
  });
  return new RegExp(`(?:^|/)${folded(text)}$`, 'isu');
}

// Unicode Standard Annex 15; for a file system with casefold, "Case-insensitive file name lookups" of Documentation/filesystems/ext4
const folded = (text: string): string =>
  text.normalize('NFKD').replace(/\p{Default_Ignorable_Code_Point}/gu, '');

const nameOf = (path: BytePath): string =>
  /[\x80-\xff]/.test(path) ? folded(pathBytes(path).toString()) : path;

/** Whether a path is one of the patterns; `kind` is its kind now, undefined if it is deleted. */
export type Matcher = (path: BytePath, kind: FileStatus['kind'] | undefined) => boolean;

// `.git` and `.git/info` of `.git/info/**`
const directoriesOf = (pattern: string): readonly string[] =>
  [...pattern.matchAll(/\//g)]
    .map(({ index }) => pattern.slice(0, index))
    .filter((one) => !one.includes('*'));

const isIn = (list: readonly RegExp[], name: string): boolean => list.some((one) => one.test(name));

const without = (start: RegExp, list: readonly string[]): readonly string[] =>
  list.map((one) => one.replace(start, ''));

/** Matches paths of a workspace with patterns such as `.git/hooks/**`. */
export function matcher(patterns: readonly string[]): Matcher {
  const [taken, given] = [true, false].map((is) => patterns.filter((one) => one.startsWith('!') === is));
  const none = without(/^!\/*/, taken ?? []).map(toRegExp);
  const plain = without(/^\/+/, given ?? []);
  const all = plain.map(toRegExp);
  const above = [...new Set(plain.flatMap(directoriesOf))].map(toRegExp);
  return (path, kind) => {
    const name = nameOf(path);
    return (isIn(all, name) && !isIn(none, name)) || (kind !== 'directory' && isIn(above, name));
  };
}
