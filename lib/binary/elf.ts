// Reads the parts of an ELF file that the kernel and the dynamic loader use. Pure, and safe on hostile input.

import {
  type DlopenNote,
  DT,
  type Dynamic,
  readDlopenNotes,
  readDynamic,
  readDynamicTable,
} from './elf-dynamic.ts';
import { ElfFault, type Header, openWindow, PT, readHeader, type Window, within } from './elf-header.ts';
import type { Abi } from './machine.ts';
import { type BytePath, toLatin1 } from '../tree/path.ts';
import type { ReadAt } from '../tree/root.ts';

export interface Elf extends Abi, Dynamic {
  readonly kind: 'elf';
  readonly type: Header['type'];
  /** PT_INTERP: the loader that the kernel starts. */
  readonly interpreter?: BytePath;
  /** `static` and `static-pie` need no loader, a `library` is loaded by others, `none` is an object file or a core. */
  readonly linkage: 'dynamic' | 'static' | 'static-pie' | 'library' | 'none';
  /** DF_1_NODEFLIB: only RPATH and RUNPATH are searched. */
  readonly noDefaultLibraries: boolean;
  /** The end of its last loadable segment in the file. */
  readonly loadedBytes: number;
  /** Libraries that it opens at run time, according to its notes. */
  readonly dlopen: readonly DlopenNote[];
}

/** A file that is not ELF, or no valid one. It is a result, not an exception, because any file can be in a jail. */
export interface ElfError {
  readonly kind: 'elf-error';
  readonly code: ElfFault['code'];
  readonly message: string;
}

const MAX_INTERPRETER_BYTES = 4096; // PATH_MAX, as the kernel
const DF_1_NODEFLIB = 0x800;
const DF_1_PIE = 0x08000000;

/** Reads at most 4 MiB. Any bytes give an Elf or an ElfError (elf(5), System V gABI). @throws only as `read` does */
export function readElf(read: ReadAt): Elf | ElfError {
  try {
    const window = openWindow(read);
    return toElf(window, readHeader(window));
  } catch (error) {
    if (error instanceof ElfFault) return { kind: 'elf-error', code: error.code, message: error.message };
    throw error;
  }
}

function toElf(window: Window, header: Header): Elf {
  const { abi, type } = header;
  const loaded = header.segments.filter((segment) => segment.type === PT.load);
  // ld.so fails with "object file has no loadable segments"
  if (loaded.length === 0 && (type === 'executable' || type === 'shared-object'))
    throw new ElfFault('malformed', 'it has nothing that could be loaded');
  const interpreter = readInterpreter(window, header);
  const table = readDynamicTable(window, header);
  const dynamic = table === undefined ? { needed: [], auditors: [] } : readDynamic(window, header, table);
  const flags1 = table?.values.get(DT.flags1) ?? 0;
  const isStaticPie = (flags1 & DF_1_PIE) !== 0 && dynamic.needed.length === 0;
  return {
    kind: 'elf',
    ...abi,
    type,
    ...(interpreter !== undefined && { interpreter }),
    linkage: linkageOf(type, interpreter !== undefined, isStaticPie),
    ...dynamic,
    loadedBytes: Math.max(0, ...loaded.map(({ offset, fileBytes }) => offset + fileBytes)),
    noDefaultLibraries: (flags1 & DF_1_NODEFLIB) !== 0,
    // last: notes can be wrong and large, and nothing else depends on them
    dlopen: readDlopenNotes(window, header),
  };
}

function linkageOf(type: Elf['type'], isDynamic: boolean, isStaticPie: boolean): Elf['linkage'] {
  if (type !== 'executable' && type !== 'shared-object') return 'none';
  if (isDynamic) return 'dynamic';
  if (type === 'executable') return 'static';
  return isStaticPie ? 'static-pie' : 'library';
}

// As load_elf_binary(): the first PT_INTERP, of 2…PATH_MAX bytes, ending in NUL.
function readInterpreter(window: Window, { segments }: Header): BytePath | undefined {
  const segment = segments.find(({ type }) => type === PT.interp);
  if (segment === undefined) return undefined;
  if (segment.fileBytes < 2 || segment.fileBytes > MAX_INTERPRETER_BYTES)
    throw new ElfFault('malformed', 'the size of its interpreter path is wrong');
  const path = within(window.bytes(segment.offset, segment.fileBytes), 'it ends before its interpreter path');
  if (path[path.length - 1] !== 0) throw new ElfFault('malformed', 'its interpreter path has no end');
  return toLatin1(path.subarray(0, path.indexOf(0)));
}
