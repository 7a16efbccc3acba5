// Looks into chosen files for what they need to start, and adds it: interpreters, loaders, libraries.

import { type Closure, type MissingFile, type NeededFile, openResolver } from '../../binary/closure.ts';
import { BASELINE, type Cpu } from '../../binary/machine.ts';
import type { Elf } from '../../binary/elf.ts';
import { openFiles } from '../../binary/elf-files.ts';
import { type BytePath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import type { FileEntry, Reason } from '../manifest/planned-entry.ts';
import type { Steps } from '../work/steps.ts';
import type { Selection } from './selection.ts';
/** An ELF file or script that is in the jail. */
export interface Executable {
  readonly path: BytePath;
  readonly source: BytePath;
  /** Undefined for a script. */
  readonly elf?: Elf;
  readonly closure: Closure;
  readonly entry: FileEntry;
}

export interface Executables {
  /** Looks into all files that were added to the selection, until none is added any more. */
  follow(): Steps<readonly Executable[]>;
  /** Files without which a program that was asked for cannot start. */
  readonly missing: readonly MissingFile[];
  /** Files that were not asked for by name and lack something on the host already. */
  readonly incomplete: readonly MissingFile[];
  /** Of every processor: what a cache of the jail has to lead to. */
  readonly portable: readonly Closure[];
  /** The byte order of the first ELF file. */
  endian(): 'little' | 'big';
  /** Libraries that exist only in a build for certain processors. */
  readonly onlyHere: readonly BytePath[];
}

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
  /** The directories in which env(1) looks in the jail, with colons between them. */
  readonly path: string;
  /** False for a script that nothing in the jail starts. */
  readonly isStarted: (path: BytePath) => boolean;
}

export function openExecutables(
  root: FileRoot,
  selection: Selection,
  { cpu, path, isStarted }: ExecutablesOptions,
): Executables {
  const files = openFiles(root);
  const best = openResolver(root, { files, cpu, hasProc: true, path });
  const baseline = openResolver(root, { files, cpu: BASELINE, hasProc: true, path });
  const missing: MissingFile[] = [];
  const incomplete: MissingFile[] = [];
  const portable: Closure[] = [];
  const onlyHere = new Set<BytePath>();
  let endian: 'little' | 'big' | undefined;

  function lookInto(entry: FileEntry): Executable | undefined {
    const magic = headOf(root, entry.source);
    const isScript = magic.startsWith('#!') && (entry.mode & 0o111) !== 0 && isStarted(entry.source);
    const isAsked = entry.reason.how === 'asked';
    if (magic !== '\x7fELF' && !isScript && !isAsked) return undefined;
    const closure = best.resolve(entry.source);
    const everywhere = baseline.resolve(entry.source);
    portable.push(everywhere);
    // what a variable of the environment decides may well be there
    for (const lost of closure.missing)
      (isAsked && lost.reason !== 'unknown-command' ? missing : incomplete).push(lost);
    // What the best processor finds and another does not is a library without a build for all.
    if (closure.missing.length === 0) for (const lost of everywhere.missing) onlyHere.add(lost.path);
    for (const file of [...everywhere.files, ...closure.files]) addNeeded(file, entry);
    if (isAsked) missing.push(...leftOut(everywhere.files));
    // that of glibc is the cache, which the jail gets one of its own of
    if (everywhere.loader?.kind === 'musl')
      for (const steers of everywhere.loader.configuration)
        selection.addPath(steers, { how: 'loader', by: entry.path });
    endian ??= closure.files.find((file) => file.elf)?.elf?.endian;
    const elf = closure.files.find((file) => file.role === 'program')?.elf;
    return { path: entry.path, source: entry.source, closure, entry, ...(elf && { elf }) };
  }

  function addNeeded(file: NeededFile, entry: FileEntry): void {
    if (file.role === 'program') return;
    const by = file.neededBy === undefined ? entry.path : inJail(file.neededBy, entry);
    selection.addPath(file.path, { how: HOW[file.role], by, as: file.as });
  }

  /** Files that are on the host and were left out. Builds for certain processors are not among the files. */
  function leftOut(files: readonly NeededFile[]): readonly MissingFile[] {
    return files.flatMap((file) => {
      if (file.role === 'program' || file.role === 'dlopen') return [];
      const at = walk(root, file.path).path;
      if (selection.get(at) !== undefined) return [];
      const message = selection.secrets.includes(at) ? 'not everybody may read it' : 'it is to be left out';
      return [{ ...file, reason: 'unreadable', message }];
    });
  }

  // The program itself may have another place in the jail than on the host; all else lies where it lay.
  function inJail(path: BytePath, entry: FileEntry): BytePath {
    const way = walk(root, path);
    if (way.kind !== 'found') return path;
    return way.path === entry.source ? entry.path : way.path;
  }

  return {
    *follow() {
      const found: Executable[] = [];
      for (let fresh = selection.takeFresh(); fresh.length > 0; fresh = selection.takeFresh())
        for (const entry of fresh) {
          const executable = lookInto(entry);
          if (executable !== undefined) found.push(executable);
          yield;
        }
      return found;
    },
    missing,
    incomplete,
    portable,
    endian: () => endian ?? 'little',
    get onlyHere() {
      return [...onlyHere];
    },
  };
}

function headOf(root: FileRoot, path: BytePath): string {
  try {
    const file = root.open(path);
    if (file === undefined) return '';
    try {
      const head = Buffer.from(file.read(0, 4)).toString('latin1');
      return head.startsWith('#!') ? '#!' : head;
    } finally {
      file.close();
    }
  } catch {
    return ''; // copying the file will report it
  }
}

// A shell links with much that it can do without: what it alone needs makes no pack necessary.
const SHELLS = /^(?:ba|da|a|k|mk|z|r?ba)?sh(?:\.|$)/;

/** True for sh(1) by any of its names. */
export function isShell(path: BytePath): boolean {
  return SHELLS.test(lastComponent(path));
}
