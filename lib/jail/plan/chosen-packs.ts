// Chooses packs by their signs, and adds the parts of these packs to the selection.

import { readSmallText } from '../../binary/loader-conf.ts';
import { remember } from '../../values/remember.ts';
import { type BytePath, joinPath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { buffersOf, type ReadStrings } from '../dpkg/sections.ts';
import type { RecordedPack } from '../manifest/manifest.ts';
import type { Entry, Reason } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { expandPath } from '../packs/pack-host.ts';
import { packOf, packs as all } from '../packs/index.ts';
import type { JailUser, Pack, PackHost, Part, When } from '../packs/pack.ts';
import type { Steps } from '../work/steps.ts';
import { isShell } from './needed-files.ts';
import type { Facts } from './facts.ts';
import type { Selection } from './selection.ts';

/** Searches each program once, for the texts of all packs. */
function openTexts(readStrings: ReadStrings, all: ReadonlySet<string>) {
  const known = new Map<BytePath, ReadonlySet<string>>();
  const matches = new Map<RegExp, Map<BytePath, readonly BytePath[]>>();

  function textsIn(path: BytePath): ReadonlySet<string> {
    const parts = buffersOf(readStrings(path));
    return new Set([...all].filter((text) => parts.some((part) => part.includes(text, 0, 'latin1'))));
  }
  function matchesIn(path: BytePath, pattern: RegExp): readonly BytePath[] {
    const found = buffersOf(readStrings(path)).flatMap((part) => toLatin1(part).match(pattern) ?? []);
    return [...new Set(found as BytePath[])];
  }

  return {
    /** The first program that contains one of the texts, which must be in `all`. */
    mentioned: (programs: readonly BytePath[], texts: readonly string[]): BytePath | undefined =>
      programs.find((path) => {
        const found = remember(known, path, () => textsIn(path));
        return texts.some((text) => found.has(text));
      }),
    /** The matches of a pattern with the flag `g` in the strings of a file, each once. */
    match: (path: BytePath, pattern: RegExp): readonly BytePath[] => {
      const ofPattern = remember(matches, pattern, () => new Map<BytePath, readonly BytePath[]>());
      return remember(ofPattern, path, () => matchesIn(path, pattern));
    },
  };
}

export interface PackageTaker {
  /** Takes the files of a Debian package; nothing if it is not installed. */
  take(name: string, by: BytePath | undefined): void;
}

interface PartContext {
  /** The name of the pack. */
  readonly pack: string;
  /** The file that made the pack necessary. */
  readonly trigger: BytePath | undefined;
  readonly libraryDirectories: readonly BytePath[];
  readonly packages: PackageTaker;
}

/** Returns a function that adds a part; its result is true if the part is new and the root has files of it. */
function openParts(root: FileRoot, selection: Selection): (part: Part, context: PartContext) => boolean {
  const done = new Set<string>();

  function isNew(...key: readonly (string | undefined)[]): boolean {
    const text = key.join('\0');
    if (done.has(text)) return false;
    done.add(text);
    return true;
  }

  // A file of two packs counts for both, and keeps its first reason.
  return (part, { pack, trigger, libraryDirectories, packages }) => {
    const expand = (pattern: string) => expandPath(root, pattern, libraryDirectories);
    const by = part.by ?? trigger;
    const reason: Reason = { how: 'pack', as: pack, ...(by !== undefined && { by }) };
    if ('package' in part) {
      if (!isNew(pack, 'package', part.package)) return false;
      packages.take(part.package, by);
    } else if ('program' in part) {
      const path = findProgram(root, part.program);
      return path !== undefined && isNew(pack, path) && selection.addPath(path, reason) !== undefined;
    } else if ('file' in part) {
      const { file, content, mode = 0o644 } = part;
      if (!isNew(pack, file)) return false;
      const data = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
      selection.add({ kind: 'data', path: file as BytePath, data, mode, reason });
    } else if ('mountPoint' in part) {
      if (!isNew(pack, part.mountPoint)) return false;
      selection.add(mountPoint(part));
    } else if ('directory' in part) {
      if (!isNew(pack, part.directory)) return false;
      addDirectory(root, selection, part, reason);
    } else if ('link' in part) {
      if (!isNew(pack, part.link)) return false;
      const [path, target] = [part.link as BytePath, part.target as BytePath];
      selection.add({ kind: 'link', path, target, reason });
    } else if ('device' in part) {
      const { device, mode, major, minor } = part;
      if (!isNew(pack, device)) return false;
      selection.add({ kind: 'device', path: device as BytePath, mode, major, minor, reason });
    } else if ('tree' in part) {
      const { tree, except } = part;
      const accept = except === undefined ? undefined : (path: BytePath) => !except.test(path);
      return expand(tree)
        .filter((path) => isNew(pack, path, 'tree', except?.source))
        .map((path) => selection.addTree(path, reason, accept))
        .some((path) => path !== undefined);
    } else
      return expand(part.path)
        .filter((path) => isNew(pack, path))
        .map((path) => selection.addPath(path, reason))
        .some((path) => path !== undefined);
    return true;
  };
}

function mountPoint({ mountPoint, why, content }: Extract<Part, { mountPoint: string }>): Entry {
  const place = { path: mountPoint as BytePath, reason: { how: 'mounted', as: why } } as const;
  return content === undefined
    ? { kind: 'directory', ...place, mode: 0o755 }
    : { kind: 'data', ...place, data: Buffer.from(content), mode: 0o644 };
}

function addDirectory(
  root: FileRoot,
  selection: Selection,
  { directory, mode, uid, gid }: Extract<Part, { directory: string }>,
  reason: Reason,
): void {
  const way = walk(root, directory as BytePath);
  const isThere = way.kind === 'found' && way.status.kind === 'directory';
  const path = isThere ? way.path : (directory as BytePath);
  const owner = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  selection.add({ kind: 'directory', path, mode, ...owner, reason });
  // the links on the path: /home -> /srv/home
  if (path !== directory) selection.addPath(directory as BytePath, reason);
}

const DIRECTORIES = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'] as BytePath[];

function findProgram(root: FileRoot, name: string): BytePath | undefined {
  return DIRECTORIES.map((directory) => joinPath(directory, name as BytePath)).find(
    (path) => walk(root, path).kind === 'found',
  );
}

function openHost(
  root: FileRoot,
  selection: Selection,
  facts: Facts,
): Pick<PackHost, 'executables' | 'copies' | 'paths' | 'find' | 'readText'> {
  return {
    executables: (name) => facts.executables(name),
    copies: () => new Map(selection.copies().map(({ path, source }) => [path, source])),
    paths: (pattern) => [...selection.paths()].filter((path) => pattern.test(path)),
    find: (pattern) => expandPath(root, pattern, facts.libraryDirectories()),
    readText: (path) => readSmallText(root, path as BytePath),
  };
}

function openSigns(strings: ReadStrings) {
  const texts = openTexts(strings, new Set(all.flatMap(({ when }) => when.texts ?? [])));
  function signOf(when: When, facts: Facts): BytePath | undefined {
    const trigger = facts.sign(when);
    if (trigger !== undefined || when.texts === undefined) return trigger;
    const programs = facts.executables(/./).filter((path) => !isShell(path));
    return texts.mentioned(programs, when.texts);
  }
  return { texts, signOf };
}

interface Sign {
  readonly trigger?: BytePath | undefined;
}

/** @throws UsageError if the recipe names an unknown pack. */
export function openPacks(
  root: FileRoot,
  selection: Selection,
  recipe: Pick<Recipe, 'packs' | 'withoutPacks'>,
  users: readonly JailUser[],
  strings: ReadStrings,
) {
  for (const name of [...recipe.packs, ...recipe.withoutPacks]) packOf(name);
  const chosen = new Map<string, RecordedPack>();
  // the first sign of each pack, for the report
  const signs = new Map<string, Sign>();
  const { texts, signOf } = openSigns(strings);
  const addPart = openParts(root, selection);
  const barren = new Set<string>();

  function needed({ name, when }: Pack, facts: Facts): Sign | undefined {
    if (recipe.packs.includes(name)) return {};
    if (recipe.withoutPacks.includes(name)) return undefined;
    if (when.always === true) return {};
    const other = [...chosen.values()].find((pack) => when.packs?.test(pack.name) === true);
    if (other !== undefined) return { trigger: other.trigger };
    const trigger = signOf(when, facts);
    return trigger === undefined ? undefined : { trigger };
  }

  function add(pack: Pack, trigger: BytePath | undefined, facts: Facts, packages: PackageTaker): boolean {
    const { name } = pack;
    const sign = (when: When) => signOf(when, facts);
    const known = { root, users, trigger, sign, texts: texts.match };
    const host = { ...known, ...openHost(root, selection, facts) };
    const parts = typeof pack.parts === 'function' ? pack.parts(host) : pack.parts;
    const context = { pack: name, trigger, libraryDirectories: facts.libraryDirectories(), packages };
    const added = parts.filter((part) => addPart(part, context));
    if (added.length > 0) barren.delete(name);
    if (chosen.has(name)) return added.length > 0;
    if (added.length === 0 && !recipe.packs.includes(name)) return false;
    // a pack that returns no parts has nothing to add, as `commands` on Debian: it is not barren
    if (added.length === 0 && parts.length > 0) barren.add(name);
    const by = added[0]?.by ?? trigger;
    chosen.set(name, { name, ...(by !== undefined && { trigger: by }) });
    return true;
  }

  return {
    chosen: () => [...chosen.values()],
    barren: () => [...barren],
    /** Adds the packs and parts that are needed so far; false if nothing was added. */
    *follow(facts: Facts, packages: PackageTaker): Steps<boolean> {
      let isMore = false;
      for (const pack of all) {
        yield;
        const sign = signs.get(pack.name) ?? needed(pack, facts);
        if (sign === undefined) continue;
        signs.set(pack.name, sign);
        if (add(pack, sign.trigger, facts, packages)) isMore = true;
      }
      return isMore;
    },
  };
}
