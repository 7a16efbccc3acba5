// Finds the libraries of a program, in the order in which its loader opens them.

import type { MissingFile, NeededFile } from './chain.ts';
import type { Files, Look, Unusable } from './elf-files.ts';
import type { Loaded, Loader, Missing } from './loader.ts';
import { machineName } from './machine.ts';
import type { DlopenNote, DlopenPriority } from './elf-dynamic.ts';
import { type BytePath, parentPath, showPath } from '../tree/path.ts';

/** A program and its loader. */
export interface Process {
  readonly files: Files;
  readonly program: Loaded;
  readonly loader: Loader;
  /** The file of the loader. */
  readonly itself: Look;
}

export interface Libraries {
  readonly files: readonly NeededFile[];
  readonly missing: readonly MissingFile[];
}

/** The names and files in the process so far: they are not searched or loaded again. */
interface Known {
  readonly names: Set<BytePath>;
  readonly identities: Set<string>;
}

interface Result extends Libraries {
  readonly loaded: readonly Loaded[];
}

const NOTHING: Result = { files: [], missing: [], loaded: [] };
const WEIGHT: Readonly<Record<DlopenPriority, number>> = { required: 3, recommended: 2, suggested: 1 };
// Each can cost as much as a program.
const MAX_OPENED = 256;

/**
 * The needed libraries, and then those of at least the priority `lowest` that the program and its libraries open at run time
 * according to their notes. Of the latter, only a `required` one is reported as missing.
 */
export function loadLibraries(process: Process, lowest: DlopenPriority | 'none'): Libraries {
  const { files, program, loader, itself } = process;
  const known: Known = { names: new Set(), identities: new Set() };
  learn(known, files.look(program.path), [program.path, program.elf.soname]);
  learn(known, itself, [loader.interpreter, itself.kind === 'elf' ? itself.elf.soname : undefined]);
  const first = loadNeeded(process, known, program);
  if (lowest === 'none') return first;

  const results = [first];
  const openers = [program, ...first.loaded];
  const limit = { left: MAX_OPENED };
  // also for those that are pushed meanwhile
  for (const from of openers) {
    for (const note of from.elf.dlopen) {
      if (WEIGHT[note.priority] < WEIGHT[lowest]) continue;
      const opened = openNoted(process, known, { from, note, limit });
      results.push(opened);
      openers.push(...opened.loaded);
    }
  }
  return { files: results.flatMap(({ files }) => files), missing: results.flatMap(({ missing }) => missing) };
}

function learn(known: Known, look: Look, names: readonly (BytePath | undefined)[]): void {
  if (look.kind === 'elf') known.identities.add(look.identity);
  for (const name of names) if (name !== undefined) known.names.add(name);
}

// Breadth first, as _dl_map_object_deps() of elf/dl-deps.c: it decides whose RPATH finds a library that several files need.
function loadNeeded(process: Process, known: Known, first: Loaded): Result {
  const files: NeededFile[] = [];
  const missing = new Map<BytePath, MissingFile>();
  const queue = [first];
  for (const from of queue) {
    for (const { name, optional } of from.elf.needed) {
      const answer = load(process, known, name, from);
      if (answer === 'known') continue;
      if ('reason' in answer) {
        // The name does not become known, because another file's RUNPATH may find it. It is still reported only once.
        if (optional || missing.has(name)) continue;
        const reason = { role: 'library', neededBy: from.path, as: name, path: name } as const;
        missing.set(name, { ...reason, ...describe(answer, process) });
        continue;
      }
      files.push({ role: 'library', neededBy: from.path, as: name, ...answer.file });
      queue.push(answer.loaded);
    }
  }
  return { files, missing: [...missing.values()], loaded: queue.slice(1) };
}

interface Opened {
  readonly loaded: Loaded;
  readonly file: Pick<NeededFile, 'path' | 'foundBy' | 'needsProc' | 'elf'>;
}

function load(process: Process, known: Known, name: BytePath, from: Loaded): Opened | Missing | 'known' {
  const { files, program, loader } = process;
  if (known.names.has(name) || loader.isItself(name)) return 'known';
  const found = loader.find(name, from, program);
  if (found.kind === 'missing') return found;
  const { path, by: foundBy, needsProc = false } = found;
  const look = files.look(path);
  if (look.kind !== 'elf') return { kind: 'missing', reason: 'absent' };
  const { elf, identity } = look;
  known.names.add(name);
  if (known.identities.has(identity)) return 'known'; // another name of a loaded file
  // musl compares the requested names, glibc also DT_SONAME
  learn(known, look, [path, loader.kind === 'glibc' ? elf.soname : undefined]);
  return {
    loaded: { path, elf, origin: parentPath(path), neededBy: from },
    file: { path, foundBy, elf, ...(needsProc && { needsProc }) },
  };
}

/** The first alternative of a note that can be loaded with all its libraries. */
function openNoted(
  process: Process,
  known: Known,
  how: { readonly from: Loaded; readonly note: DlopenNote; readonly limit: { left: number } },
): Result {
  const { from, note, limit } = how;
  // dlopen() of musl searches for the program, not for the caller (ldso/dynlink.c)
  const asker = process.loader.kind === 'musl' ? process.program : from;
  const missing: MissingFile[] = [];
  for (const name of note.sonames) {
    if (limit.left-- <= 0) return NOTHING;
    const trial = { names: new Set(known.names), identities: new Set(known.identities) };
    const answer = load(process, trial, name, asker);
    if (answer === 'known') return NOTHING;
    const reason = { role: 'dlopen', neededBy: from.path, as: name } as const;
    if ('reason' in answer) {
      missing.push({ ...reason, path: name, ...describe(answer, process) });
      continue;
    }
    const needed = loadNeeded(process, trial, answer.loaded);
    missing.push(...needed.missing);
    if (needed.missing.length > 0) continue;
    for (const loaded of trial.names) known.names.add(loaded);
    for (const identity of trial.identities) known.identities.add(identity);
    return {
      files: [{ ...reason, ...answer.file }, ...needed.files],
      missing: [],
      loaded: [answer.loaded, ...needed.loaded],
    };
  }
  return note.priority === 'required' ? { ...NOTHING, missing: missing.slice(0, 1) } : NOTHING;
}

function describe(
  { reason, path }: Missing,
  { files, program: { elf, origin } }: Process,
): Pick<MissingFile, 'message' | 'unusable'> & { readonly reason: Unusable } {
  const look = path && files.look(path);
  if (path !== undefined && look) {
    const isOther = look.kind === 'elf';
    const why = isOther
      ? ` is for ${machineName(look.elf)}, not for ${machineName(elf)}`
      : `: ${look.message}`;
    return { reason, message: `${showPath(path)}${why}`, unusable: path };
  }
  const isOriginLost = origin === undefined && `${elf.rpath ?? ''}${elf.runpath ?? ''}`.includes('ORIGIN');
  const without = isOriginLost
    ? ' ($ORIGIN of the program is not among them where /proc is not mounted)'
    : '';
  return { reason, message: `it is in none of the directories that the loader searches${without}` };
}
