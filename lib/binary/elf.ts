// Reads the parts of an ELF file that the kernel and the dynamic loader use. Pure, and safe on hostile input.

import {
  type DlopenNote,
  type Dynamic,
  type Needed,
  readDlopenNotes,
  readDynamic,
  readDynamicTable,
} from './elf-dynamic.ts';
import {
  elfError,
  type ElfError,
  type Header,
  openWindow,
  PT,
  type ReadAt,
  readHeader,
  type Window,
} from './elf-header.ts';
import type { Abi } from './machine.ts';
import { type BytePath, toLatin1 } from './path.ts';

export type { ElfError } from './elf-header.ts';

export interface Elf extends Abi {
  readonly kind: 'elf';
  readonly type: Header['type'];
  /** PT_INTERP: the loader that the kernel starts. */
  readonly interpreter?: BytePath;
  /**
   * `dynamic` has an interpreter, `static` and `static-pie` need no loader, a `library` is loaded by others, `none` cannot be
   * run (an object file, a core).
   */
  readonly linkage: 'dynamic' | 'static' | 'static-pie' | 'library' | 'none';
  readonly soname?: BytePath;
  readonly needed: readonly Needed[];
  /** DT_RPATH as written; a loader ignores it if there is a DT_RUNPATH. */
  readonly rpath?: BytePath;
  readonly runpath?: BytePath;
  /** DT_AUDIT and DT_DEPAUDIT as written. */
  readonly auditors: readonly BytePath[];
  /** DF_1_NODEFLIB: only RPATH and RUNPATH are searched. */
  readonly noDefaultLibraries: boolean;
  /** The end of its last loadable segment in the file. */
  readonly loadedBytes: number;
  /** Libraries that it opens at run time, according to its notes. */
  readonly dlopen: readonly DlopenNote[];
}

const MAX_INTERPRETER_BYTES = 4096; // PATH_MAX, as the kernel
const DF_1_NODEFLIB = 0x800;
const DF_1_PIE = 0x08000000;
const NOT_DYNAMIC: Dynamic = { needed: [], auditors: [], flags1: 0 };

/**
 * Reads at most 4 MiB of an ELF file. Any bytes give an Elf or an ElfError (elf(5), System V gABI).
 * @throws only as `read` does
 */
export function readElf(read: ReadAt): Elf | ElfError {
  const window = openWindow(read);
  const header = readHeader(window);
  if (header.kind === 'elf-error') return header;
  const { abi, type } = header;
  const loaded = header.segments.filter((segment) => segment.type === PT.load);
  // ld.so fails with "object file has no loadable segments"
  if (loaded.length === 0 && (type === 'executable' || type === 'shared-object'))
    return elfError('malformed', 'it has nothing that could be loaded');
  const interpreter = readInterpreter(window, header);
  if (typeof interpreter === 'object') return interpreter;
  const table = readDynamicTable(window, header);
  if (table?.kind === 'elf-error') return table;
  const dynamic = table === undefined ? NOT_DYNAMIC : readDynamic(window, header, table);
  if ('kind' in dynamic) return dynamic;
  const { flags1, ...libraries } = dynamic;
  return {
    kind: 'elf',
    ...abi,
    type,
    ...(interpreter !== undefined && { interpreter }),
    linkage: linkageOf(type, interpreter, dynamic),
    ...libraries,
    loadedBytes: Math.max(0, ...loaded.map(({ offset, fileBytes }) => offset + fileBytes)),
    noDefaultLibraries: (flags1 & DF_1_NODEFLIB) !== 0,
    // last: notes can be wrong and large, and nothing else depends on them
    dlopen: readDlopenNotes(window, header),
  };
}

function linkageOf(type: Elf['type'], interpreter: string | undefined, dynamic: Dynamic): Elf['linkage'] {
  if (type !== 'executable' && type !== 'shared-object') return 'none';
  if (interpreter !== undefined) return 'dynamic';
  if (type === 'executable') return 'static';
  return (dynamic.flags1 & DF_1_PIE) !== 0 && dynamic.needed.length === 0 ? 'static-pie' : 'library';
}

// As load_elf_binary(): the first PT_INTERP, of 2…PATH_MAX bytes, ending in NUL.
function readInterpreter(window: Window, { segments }: Header): BytePath | undefined | ElfError {
  const segment = segments.find(({ type }) => type === PT.interp);
  if (segment === undefined) return undefined;
  if (segment.fileBytes < 2 || segment.fileBytes > MAX_INTERPRETER_BYTES)
    return elfError('malformed', 'the size of its interpreter path is wrong');
  const path = window.bytes(segment.offset, segment.fileBytes);
  if (path === undefined) return elfError('truncated', 'it ends before its interpreter path');
  if (path[path.length - 1] !== 0) return elfError('malformed', 'its interpreter path has no end');
  return toLatin1(path.subarray(0, path.indexOf(0)));
}
