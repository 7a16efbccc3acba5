// Adds what the chosen files need to start: interpreters, loaders, libraries.

import { type Closure, type MissingFile, type NeededFile, openResolver } from '../../binary/closure.ts';
import { BASELINE, type Cpu } from '../../binary/machine.ts';
import type { Elf } from '../../binary/elf.ts';
import { openFiles } from '../../binary/elf-files.ts';
import { type BytePath, lastComponent, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, readHeads } from '../../tree/root.ts';
import { resolveLinks, walk } from '../../tree/walk.ts';
import type { FileEntry, Reason } from '../manifest/planned-entry.ts';
import type { Imports } from '../dpkg/sections.ts';
import type { Steps } from '../work/steps.ts';
import { type Needs, openNeeds, pluginsBeside } from './plugins.ts';
import type { Selection } from './selection.ts';
import { LEFT_OUT } from '../work/missing-file.ts';

/** An ELF file or script in the jail. */
export interface Executable {
  readonly path: BytePath;
  readonly source: BytePath;
  /** Undefined for a script. */
  readonly elf?: Elf;
  readonly closure: Closure;
  readonly entry: FileEntry;
}

/** What the files of the selection need, as JailPlan says; `follow` examines new files until no more are added. */
export type Executables = ReturnType<typeof openExecutables>;

const HOW: Readonly<Record<NeededFile['role'], Reason['how']>> = {
  program: 'asked',
  'script-interpreter': 'interpreter',
  command: 'command',
  'elf-interpreter': 'loader',
  library: 'library',
  dlopen: 'dlopen',
};

export interface ExecutablesOptions {
  readonly cpu: Cpu;
  /** PATH of env(1) in the jail. */
  readonly path: string;
  /** The programs that were asked for. Each must be able to start, even if it is copied as well. */
  readonly programs: readonly BytePath[];
  /** They include LISTING. */
  readonly imports: Imports;
  /** False for a script that nothing in the jail starts. */
  readonly isStarted: (path: BytePath) => boolean;
}

export function openExecutables(
  root: FileRoot,
  selection: Selection,
  { cpu, path, programs, imports, isStarted }: ExecutablesOptions,
) {
  const files = openFiles(root);
  const best = openResolver(root, { files, cpu, hasProc: true, path });
  const baseline = openResolver(root, { files, cpu: BASELINE, hasProc: true, path });
  const missing: MissingFile[] = [];
  const incomplete: MissingFile[] = [];
  const portable: Closure[] = [];
  const onlyHere = new Set<BytePath>();
  const needs = openNeeds();
  const asked = new Set(programs.map((program) => walk(root, program).path));
  let endian: 'little' | 'big' | undefined;

  function lookInto(entry: FileEntry, magic: string): Executable | undefined {
    const isScript = magic.startsWith('#!') && (entry.mode & 0o111) !== 0 && isStarted(entry.source);
    const isAsked = entry.reason.how === 'asked' || asked.has(entry.path);
    if (magic !== '\x7fELF' && !isScript && !isAsked) return undefined;
    const closure = best.resolve(entry.source);
    const everywhere = baseline.resolve(entry.source);
    portable.push(everywhere);
    // a command that depends on a variable may exist after all
    for (const lost of closure.missing)
      (isAsked && lost.reason !== 'unknown-command' ? missing : incomplete).push(lost);
    // The host has these libraries only in builds that not every processor can run.
    if (closure.missing.length === 0) for (const lost of everywhere.missing) onlyHere.add(lost.path);
    addNeeded(root, selection, entry, [...everywhere.files, ...closure.files], needs);
    for (const plugin of pluginsBeside(root, entry.source, imports))
      selection.addPath(plugin, { how: 'dlopen', by: entry.path, as: lastComponent(plugin) });
    if (isAsked) missing.push(...leftOut(root, selection, everywhere.files));
    // not for glibc: its configuration is the cache, and the jail gets its own
    if (everywhere.loader?.kind === 'musl')
      for (const steers of everywhere.loader.configuration)
        selection.addPath(steers, { how: 'loader', by: entry.path });
    endian ??= closure.files.find((file) => file.elf)?.elf?.endian;
    const elf = closure.files.find((file) => file.role === 'program')?.elf;
    return { path: entry.path, source: entry.source, closure, entry, ...(elf && { elf }) };
  }

  return {
    *follow(): Steps<readonly Executable[]> {
      const found: Executable[] = [];
      for (let fresh = selection.takeFresh(); fresh.length > 0; fresh = selection.takeFresh())
        for (const [entry, magic] of withMagic(root, fresh)) {
          const executable = lookInto(entry, magic);
          if (executable !== undefined) found.push(executable);
          yield;
        }
      return found;
    },
    missing,
    incomplete,
    portable,
    needs,
    endian: () => endian ?? 'little',
    onlyHere,
  };
}

function addNeeded(
  root: FileRoot,
  selection: Selection,
  entry: FileEntry,
  files: readonly NeededFile[],
  needs: Needs,
): void {
  for (const { path, role, neededBy, as } of files) {
    if (role === 'program') continue;
    const by = neededBy === undefined ? entry.path : inJail(root, neededBy, entry);
    const at = selection.addPath(path, { how: HOW[role], by, as });
    if (at !== undefined) needs.add(at, entry);
  }
}

/** The needed files that are on the host but were left out; `files` are those for every processor. */
function leftOut(root: FileRoot, selection: Selection, files: readonly NeededFile[]): readonly MissingFile[] {
  return files.flatMap((file) => {
    if (file.role === 'program' || file.role === 'dlopen') return [];
    const at = walk(root, file.path).path;
    if (selection.get(at) !== undefined) return [];
    const message = selection.secrets.includes(at) ? 'it is not world-readable' : LEFT_OUT;
    return [{ ...file, reason: 'unreadable', message }];
  });
}

// Only the file itself can have another path in the jail than on the host.
function inJail(root: FileRoot, path: BytePath, entry: FileEntry): BytePath {
  const at = resolveLinks(root, path);
  return at === entry.source ? entry.path : at;
}

/** How many files are read at once: few enough that the event loop does not wait long. */
const BATCH = 256;

/** Files with their first four bytes; only two of a script. */
function* withMagic(root: FileRoot, files: readonly FileEntry[]): Generator<readonly [FileEntry, string]> {
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH);
    const sources = batch.map(({ source }) => source);
    const heads = readHeads(root, sources, 4).map((head) => (head === undefined ? '' : toLatin1(head)));
    for (const [index, entry] of batch.entries()) {
      const head = heads[index] ?? '';
      yield [entry, head.startsWith('#!') ? '#!' : head];
    }
  }
}

// A shell links with libraries that it can do without, so its needs are no sign of a pack.
const SHELLS = /^(?:ba|da|a|k|mk|z|r?ba)?sh(?:\.|$)/;

/** True for sh(1) by any of its names. */
export const isShell = (path: BytePath): boolean => SHELLS.test(lastComponent(path));
