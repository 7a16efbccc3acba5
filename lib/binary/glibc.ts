// Finds a library as glibc's ld.so does: _dl_map_object() in elf/dl-load.c, and ld.so(8).

import { type LibraryCache, readCache } from './cache.ts';
import { readLdSoConf, readSmallFile } from './loader-conf.ts';
import { type Abi, cacheFlags, type Cpu, tripletOf } from './machine.ts';
import { memoize, remember } from '../values/remember.ts';
import type { Files } from './elf-files.ts';
import {
  checkLibrary,
  expandTokens,
  type FoundBy,
  type Loaded,
  type Loader,
  type Search,
  searchedDirectory,
  splitSearchPath,
} from './loader.ts';
import { bytePath, type BytePath, joinPath, toLatin1, trimSlashes } from '../tree/path.ts';

const MAX_SYSTEM_DIRECTORIES = 32; // Debian has the most: four

type Build = ReturnType<typeof readBuild>;

let latest: { readonly data: Uint8Array; readonly abi: Abi; readonly build: Build } | undefined;

// A command that plans many jails meets the same loader in each of them.
function buildOf(data: Uint8Array | undefined, abi: Abi): Build {
  if (data === undefined) return readBuild(data, abi);
  const isLatest = latest?.abi.machine === abi.machine && latest.abi.bits === abi.bits;
  if (!isLatest || latest === undefined || Buffer.compare(latest.data, data) !== 0)
    latest = { data, abi, build: readBuild(data, abi) };
  return latest.build;
}

// Reads the settings from the file of a loader, which contains the default directories as consecutive strings that end in a
// slash (SYSTEM_DIRS, elf/dl-load.c). Without the file, the usual settings are returned.
function readBuild(data: Uint8Array | undefined, abi: Abi) {
  const text = data === undefined ? '' : toLatin1(data);
  const found = longestRun(text);
  const directories = (found.length > 0 ? found : defaultDirectories(abi)).map((directory) =>
    trimSlashes(bytePath(directory)),
  );
  const cacheEnd = text.indexOf('/ld.so.cache\0');
  const cache =
    cacheEnd < 0 ? '' : text.slice(text.lastIndexOf('\0', cacheEnd) + 1, text.indexOf('\0', cacheEnd));
  return {
    directories,
    cache: bytePath(cache.startsWith('/') && cache.length < 256 ? cache : '/etc/ld.so.cache'),
    /** The value of $LIB. */
    lib: (directories[0] ?? '/lib').replace(/^\/(usr\/)?/, ''),
  };
}

function longestRun(text: string): readonly string[] {
  let [best, run]: [string[], string[]] = [[], []];
  let next = -1; // the start of the next string of the run
  for (let end = text.indexOf('/\0'); end >= 0; end = text.indexOf('/\0', end + 1)) {
    const start = text.lastIndexOf('\0', end) + 1;
    const directory = end - start < 256 ? text.slice(start, end + 1) : '';
    if (!/^\/[\x21-\x7e]*\/$/.test(directory) || !directory.includes('/lib')) continue;
    if (start === next) run.push(directory);
    else run = [directory];
    if (run.length > best.length) best = run;
    if (best.length === MAX_SYSTEM_DIRECTORIES) break;
    next = end + 2;
  }
  return best;
}

// Those of Debian and of other distributions, if the loader is missing.
function defaultDirectories(abi: Abi): readonly string[] {
  const triplet = tripletOf(abi.machine);
  return [
    ...(triplet === undefined ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`]),
    ...(abi.bits === 64 ? ['/lib64', '/usr/lib64'] : []),
    '/lib',
    '/usr/lib',
  ];
}

const MAX_CACHE_BYTES = 64 << 20;
const MAX_LOADER_BYTES = 8 << 20;

/** The loader at the path `interpreter`, for programs of this ABI on this processor. */
export function openGlibc(files: Files, interpreter: BytePath, abi: Abi, cpu: Cpu): Loader {
  const built = buildOf(readSmallFile(files.root, interpreter, MAX_LOADER_BYTES), abi);
  const target = { files, abi, cpu };
  const system = openSystem(target, built);
  const tokens = { LIB: built.lib, PLATFORM: cpu.platform };
  // Two caches: a combined key would copy and hash a path of 64 KiB for each library.
  const searchPaths = memoize((ORIGIN: BytePath | undefined) =>
    memoize((text: BytePath) => splitSearchPath(text, { ...tokens, ORIGIN }).directories),
  );

  function find(written: BytePath, from: Loaded, program: Loaded): Search {
    const name = written.includes('$') ? expandTokens(written, { ...tokens, ORIGIN: from.origin }) : written;
    if (name === undefined) return { kind: 'missing', reason: 'absent' };
    if (name.includes('/')) {
      const found = checkLibrary(files, abi, joinPath(bytePath('/'), name), 'path');
      if (found.kind === 'missing') return found;
      return { ...found, needsProc: from === program && name !== written };
    }
    let failure: Search | undefined;
    for (const of of searchedFor(from)) {
      const { runpath, rpath } = of.elf;
      const text = runpath ?? rpath ?? bytePath('');
      const by = runpath === undefined ? 'rpath' : 'runpath';
      const found = searchDirectories(target, name, searchPaths(of.origin)(text), by);
      if (found.kind === 'found') {
        const directory = searchedDirectory(found.path);
        return { ...found, needsProc: of === program && !searchPaths(undefined)(text).includes(directory) };
      }
      if (found.path !== undefined) failure ??= found;
    }
    const found = system.find(name, from.elf.noDefaultLibraries);
    return found.kind === 'missing' && failure !== undefined ? failure : found;
  }

  return {
    kind: 'glibc',
    interpreter,
    systemDirectories: built.directories,
    configuration: system.hasCache ? [built.cache] : [],
    find,
    // the kernel maps the vDSO; it has no file (vdso(7))
    isItself: (name) => /^linux-(vdso(32|64)?|gate)\.so\.1$/.test(name),
  };
}

interface Target {
  readonly files: Files;
  readonly abi: Abi;
  readonly cpu: Cpu;
}

/** The search after RPATH and RUNPATH, which depends only on the name. */
function openSystem(target: Target, built: Build) {
  const { files, abi, cpu } = target;
  const data = readSmallFile(files.root, built.cache, MAX_CACHE_BYTES);
  const cache = data && readCache(data);
  // Without a cache the loader does not find these, so the builder gives the jail a cache.
  const fromConf = cache === undefined ? readLdSoConf(files.root).directories : [];
  const known = new Map<string, Search>();

  function search(name: BytePath, noDefaultLibraries: boolean): Search {
    const cached = cache && bestOf(cache, name, abi, cpu);
    const isDefault = built.directories.some((directory) => cached?.startsWith(`${directory}/`));
    if (cached !== undefined && !(noDefaultLibraries && isDefault)) {
      const found = checkLibrary(files, abi, cached, 'cache');
      if (found.kind === 'found') return found;
    }
    if (noDefaultLibraries) return { kind: 'missing', reason: 'absent' };
    const found = searchDirectories(target, name, built.directories, 'default');
    if (found.kind === 'found' || fromConf.length === 0) return found;
    const further = searchDirectories(target, name, fromConf, 'conf');
    return further.kind === 'found' ? further : found;
  }

  return {
    hasCache: cache !== undefined,
    find: (name: BytePath, noDefaultLibraries: boolean) =>
      remember(known, `${noDefaultLibraries} ${name}`, () => search(name, noDefaultLibraries)),
  };
}

function searchDirectories(
  { files, abi, cpu }: Target,
  name: BytePath,
  directories: readonly BytePath[],
  by: FoundBy,
): Search {
  let other: Search | undefined;
  for (const directory of directories) {
    if (!files.exists(directory)) continue;
    for (const place of placesIn(files, directory, cpu)) {
      const found = checkLibrary(files, abi, joinPath(place, name), by);
      if (found.kind === 'found') return found;
      // open_path() continues after ENOENT, EACCES and a file of another class; other errors are final
      if (found.reason === 'other-architecture') other ??= found;
      else if (found.reason !== 'absent' && found.reason !== 'denied') return found;
    }
  }
  return other ?? { kind: 'missing', reason: 'absent' };
}

// The files whose own paths are searched. DT_RPATH applies to the object and to everything it loads, so the search goes from the
// object up to the program. DT_RUNPATH applies only to the object's own libraries, and replaces DT_RPATH.
function searchedFor(from: Loaded): readonly Loaded[] {
  if (from.elf.runpath !== undefined) return [from];
  const line: Loaded[] = [];
  for (let at: Loaded | undefined = from; at !== undefined; at = at.neededBy) line.push(at);
  return line.filter(({ elf }) => elf.runpath === undefined && elf.rpath !== undefined);
}

function placesIn(files: Files, directory: BytePath, cpu: Cpu): readonly BytePath[] {
  const hwcaps = joinPath(directory, bytePath('glibc-hwcaps'));
  if (cpu.hwcaps.length === 0 || !files.exists(hwcaps)) return [directory];
  return [...cpu.hwcaps.map((name) => joinPath(hwcaps, bytePath(name))), directory];
}

function bestOf(cache: LibraryCache, name: BytePath, abi: Abi, cpu: Cpu): BytePath | undefined {
  const flags = cacheFlags(abi);
  const entries = cache.find(name).filter((entry) => entry.flags === flags);
  for (const hwcap of [...cpu.hwcaps, undefined]) {
    const entry = entries.find((candidate) => candidate.hwcap === hwcap);
    if (entry !== undefined) return entry.path;
  }
  return undefined;
}
