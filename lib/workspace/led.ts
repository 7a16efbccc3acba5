// Where links and the settings of git on the host lead: programs of the host execute what lies there, whatever its name is.
import { readdirSync, type Dirent } from 'node:fs';
import { posix } from 'node:path';

import { bytePath, isWithin, joinPath, parentPath, pathBytes, type BytePath } from '../tree/path.ts';
import { openFileRoot, withFile, type DirectoryRoot } from '../tree/root.ts';
import { walk } from '../tree/walk.ts';
import { lookOr, unless } from '../words/system-error.ts';
import type { Matcher } from './executed.ts';

/** A path of a workspace. What lies there is executed as what has the name `as`; without one, all of it is. */
interface Lead {
  readonly path: BytePath;
  readonly as?: BytePath;
}

// The rest has no paths of programs (git-config(1)).
const noPrograms = /^(?:worktree|url|pushurl|fetch|push|merge|remote|rebase|name|email)$/i;
const mostBytes = 1 << 20;

/** The directory of a workspace, on the host. */
export interface Host {
  /** Without links. */
  readonly directory: BytePath;
  /** Mount points in it, seen from the workspace: they are another file system. */
  readonly mounted: readonly BytePath[];
}

class Search {
  readonly leads: Lead[] = [];
  readonly #root: DirectoryRoot;
  readonly #host: Host;
  readonly #isExecuted: Matcher;
  readonly #read = new Set<string>();

  constructor(root: DirectoryRoot, host: Host, isExecuted: Matcher) {
    [this.#root, this.#host, this.#isExecuted] = [root, host, isExecuted];
  }

  /** Looks at all entries of a directory. */
  visit(directory: BytePath): void {
    const entries = this.#entries(directory);
    if (isRepository(entries)) this.#bare(directory);
    for (const entry of entries) {
      const path = joinPath(directory, bytePath(entry.name));
      if (entry.isSymbolicLink()) {
        if (this.#isExecuted(path, 'symlink')) this.#lead(this.#onHost(path), path);
      } else if (entry.isDirectory() && !this.#host.mounted.includes(path)) this.visit(path);
      if (path.endsWith('/.git') && this.#isExecuted(`${path}/hooks/x` as BytePath, 'file')) this.#git(path);
    }
  }

  #entries(directory: BytePath): readonly Dirent<Buffer>[] {
    const path = pathBytes(this.#onHost(directory));
    // it has changed meanwhile; or this user cannot search it, and so executes nothing in it
    return (
      unless(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'], () =>
        readdirSync(path, { withFileTypes: true, encoding: 'buffer' }),
      ) ?? []
    );
  }

  #onHost(path: BytePath): BytePath {
    return this.#host.directory === '/' ? path : (`${this.#host.directory}${path}` as BytePath);
  }

  // A path of the host, seen from the workspace; undefined if it lies elsewhere.
  #inside(path: BytePath): BytePath | undefined {
    const { directory } = this.#host;
    if (directory === '/' || path === directory) return directory === '/' ? path : ('/' as BytePath);
    return isWithin(path, directory) ? (path.slice(directory.length) as BytePath) : undefined;
  }

  // `path` need not exist. Returns where it leads on the host.
  #lead(path: BytePath, as: BytePath | undefined): BytePath {
    const way = walk(this.#root, path);
    const own = as === undefined ? undefined : this.#onHost(as);
    for (const link of way.links) {
      const inside = this.#inside(link.path);
      if (inside !== undefined && link.path !== own) this.leads.push({ path: inside });
    }
    const inside = this.#inside(way.path);
    if (inside !== undefined) this.leads.push({ path: inside, ...(as === undefined ? {} : { as }) });
    return way.path;
  }

  #text(path: BytePath): string | undefined {
    // no regular file, or git cannot read it either
    const bytes = lookOr(undefined, () => withFile(this.#root, path, ({ read }) => read(0, mostBytes)));
    return bytes && bytePath(bytes);
  }

  // Those beneath `.git` have patterns.
  #bare(directory: BytePath): void {
    const settings = joinPath(directory, 'config' as BytePath);
    if (this.#isExecuted(settings, 'file') || !this.#isExecuted('/.git/hooks/x' as BytePath, 'file')) return;
    this.leads.push({ path: directory, as: '/.git' as BytePath });
    this.#settings(this.#onHost(settings), this.#onHost(directory));
  }

  // `.git` is a directory, or in a worktree or submodule a file that names it (gitrepository-layout(5)).
  #git(path: BytePath): void {
    const top = parentPath(this.#onHost(path));
    const [, elsewhere] = /^gitdir: (.+)/.exec(this.#text(this.#onHost(path)) ?? '') ?? [];
    const own = elsewhere === undefined ? this.#onHost(path) : this.#lead(from(top, elsewhere), path);
    const [, common] = /^(.+)/.exec(this.#text(joinPath(own, 'commondir' as BytePath)) ?? '') ?? [];
    const shared = common === undefined ? own : this.#lead(from(own, common), path);
    for (const name of ['config', 'config.worktree'])
      for (const directory of new Set([own, shared]))
        this.#settings(joinPath(directory, name as BytePath), top);
  }

  // Each word of a setting may be the path of a program, from the top of the worktree, or of more settings, from these.
  #settings(file: BytePath, top: BytePath): void {
    if (this.#read.has(file)) return;
    this.#read.add(file);
    const lines = (this.#text(file) ?? '').matchAll(/^\s*(?:\[.*\]\s*)?([\w-]+)\s*=(.*)$/gm);
    for (const [, key = '', value = ''] of lines) {
      if (noPrograms.test(key)) continue;
      for (const word of value.split(/[\s"'`;&|()=!]+/).filter((one) => one !== '')) {
        for (const target of this.#targets(top, word))
          if (this.#inside(target) !== undefined && !isWithin(top, target)) this.#lead(target, undefined);
        if (key.toLowerCase() === 'path')
          for (const target of this.#targets(parentPath(file), word))
            this.#settings(this.#lead(target, undefined), top);
      }
    }
  }

  // The home of `~` is that of the user who calls git: each directory above the workspace could be one.
  #targets(directory: BytePath, word: string): readonly BytePath[] {
    const [, below] = /^~[^/]*\/(.*)/.exec(word) ?? [];
    if (below === undefined) return [from(directory, word)];
    const homes = ['/' as BytePath];
    for (let at = this.#host.directory; at !== '/'; at = parentPath(at)) homes.push(at);
    return homes.map((home) => from(home, below));
  }
}

// A bare one, whatever its name is (gitrepository-layout(5)).
const isRepository = (entries: readonly Dirent<Buffer>[]): boolean =>
  ['HEAD', 'objects', 'refs'].every((name) => entries.some((entry) => bytePath(entry.name) === name));

const from = (directory: string, path: string): BytePath => posix.resolve(directory, path) as BytePath;

/** Adds the paths to which links and settings of the host lead. They are looked for when the first path asks for them. */
export function withLeads(host: Host, isExecuted: Matcher): Matcher {
  let leads: readonly Lead[] | undefined;
  return (path, kind) => {
    if (isExecuted(path, kind)) return true;
    leads ??= leadsOf(host, isExecuted);
    return leads.some(({ path: end, as }) => {
      // a link or a file in the place of a directory above leads elsewhere
      if (!isWithin(path, end)) return kind !== 'directory' && isWithin(end, path);
      return (
        as === undefined || isExecuted(`${as}${path.slice(end === '/' ? 0 : end.length)}` as BytePath, kind)
      );
    });
  };
}

function leadsOf(host: Host, isExecuted: Matcher): readonly Lead[] {
  const root = openFileRoot('/');
  try {
    const search = new Search(root, host, isExecuted);
    search.visit('/' as BytePath);
    return search.leads;
  } finally {
    root.close();
  }
}
