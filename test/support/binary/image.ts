// Small ELF files made to order, and roots that exist in memory only.

import { type BytePath, bytePath, joinPath, lastComponent, parentPath } from '../../../lib/tree/path.ts';
import type { FileRoot, FileStatus, OpenFile } from '../../../lib/tree/root.ts';

/** A table that a program header or an entry of the dynamic section leads to. */
export interface Piece {
  readonly data: Buffer;
  /** p_type and p_align of a program header for it. */
  readonly segment?: readonly [type: number, align: number];
  /** The tag whose value is its address. */
  readonly tag?: number;
}

export interface ElfImage {
  readonly bits?: 32 | 64;
  readonly endian?: 'little' | 'big';
  readonly type?: number;
  readonly machine?: number;
  readonly flags?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly auxiliary?: readonly string[];
  readonly filter?: readonly string[];
  readonly audit?: string;
  readonly depaudit?: string;
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
  readonly flags1?: number;
  /** Without PT_DYNAMIC. */
  readonly isStatic?: boolean;
  /** What the string table begins with: the first string is at 1. */
  readonly strings?: readonly string[];
  readonly pieces?: readonly Piece[];
}

const BASE = 0x10000; // addresses differ from offsets, as in most real files

/** Writers of numbers in the byte order and width of a file. */
export function numbersOf({ bits = 64, endian = 'little' }: Pick<ElfImage, 'bits' | 'endian'>) {
  const number = (value: number, size: 2 | 4 | 8) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    const used = bytes.subarray(0, size);
    return endian === 'little' ? used : used.reverse();
  };
  return {
    half: (value: number) => number(value, 2),
    word: (value: number) => number(value, 4),
    address: (value: number) => number(value, bits === 64 ? 8 : 4),
  };
}

/** An ELF file that has what a loader reads, and nothing else. */
export function makeElf(image: ElfImage = {}): Buffer {
  const { bits = 64, endian = 'little', type = 3, machine = 62, flags = 0, pieces = [] } = image;
  const wide = bits === 64;
  const { half, word, address } = numbersOf(image);
  let strings = ['', ...(image.strings ?? []), ''].join('\0');
  const string = (tag: number, text: string | undefined): [number, number][] => {
    if (text === undefined) return [];
    const at = strings.length;
    strings += `${text}\0`;
    return [[tag, at]];
  };
  const tags = [
    ...(image.needed ?? []).flatMap((name) => string(1, name)),
    ...(image.auxiliary ?? []).flatMap((name) => string(0x7ffffffd, name)),
    ...(image.filter ?? []).flatMap((name) => string(0x7fffffff, name)),
    ...string(0x6ffffefc, image.audit),
    ...string(0x6ffffefb, image.depaudit),
    ...string(14, image.soname),
    ...string(15, image.rpath),
    ...string(29, image.runpath),
    ...(image.flags1 === undefined ? [] : [[0x6ffffffb, image.flags1] as const]),
  ];

  const headerBytes = wide ? 64 : 52;
  const segmentBytes = wide ? 56 : 32;
  const interpreter = image.interpreter === undefined ? undefined : Buffer.from(`${image.interpreter}\0`);
  const noted = pieces.filter(({ segment }) => segment !== undefined).length;
  const count = 1 + (interpreter === undefined ? 0 : 1) + (image.isStatic ? 0 : 1) + noted;
  const body: Buffer[] = [];
  let end = headerBytes + count * segmentBytes;
  const place = (data: Buffer, align = 1): number => {
    const at = Math.ceil(end / align) * align;
    body.push(Buffer.alloc(at - end), data);
    end = at + data.length;
    return at;
  };
  const interpreterAt = place(interpreter ?? Buffer.alloc(0));
  const placed = pieces.map(({ data, tag, segment }) => ({ data, tag, segment, at: place(data, 8) }));
  const stringsAt = place(Buffer.from(strings, 'latin1'));
  const entries = [
    ...tags,
    ...placed.flatMap(({ tag, at }) => (tag === undefined ? [] : [[tag, BASE + at] as const])),
    [5, BASE + stringsAt] as const,
    [10, strings.length] as const,
    [0, 0] as const,
  ];
  const dynamic = Buffer.concat(entries.map(([tag, value]) => Buffer.concat([address(tag), address(value)])));
  const dynamicAt = place(dynamic, 8);

  const segment = (kind: number, offset: number, size: number, align = 8) =>
    wide
      ? [word(kind), word(5), ...[offset, BASE + offset, BASE + offset, size, size, align].map(address)]
      : [
          word(kind),
          ...[offset, BASE + offset, BASE + offset, size, size].map(address),
          word(5),
          word(align),
        ];
  const ident = [wide ? 2 : 1, endian === 'little' ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  return Buffer.concat([
    Buffer.from('\x7fELF', 'latin1'),
    Buffer.from(ident),
    half(type),
    half(machine),
    word(1),
    address(0),
    address(headerBytes),
    address(0),
    word(flags),
    ...[headerBytes, segmentBytes, count, 0, 0, 0].map(half),
    ...segment(1, 0, end),
    ...(interpreter === undefined ? [] : segment(3, interpreterAt, interpreter.length)),
    ...(image.isStatic ? [] : segment(2, dynamicAt, dynamic.length)),
    ...placed.flatMap(({ segment: header, at, data }) =>
      header === undefined ? [] : segment(header[0], at, data.length, header[1]),
    ),
    ...body,
  ]);
}

/** The notes of a piece, one for each JSON text, as systemd writes them. */
export function dlopenNotes(texts: readonly string[], shape: Pick<ElfImage, 'bits' | 'endian'> = {}): Piece {
  const { word } = numbersOf(shape);
  const data = texts.map((text) => {
    const description = Buffer.from(`${text}\0`);
    const padding = Buffer.alloc((4 - (description.length % 4)) % 4);
    const owner = Buffer.from('FDO\0');
    return Buffer.concat([word(4), word(description.length), word(0x407c0c0a), owner, description, padding]);
  });
  return { data: Buffer.concat(data), segment: [4, 4] };
}

/** Text or bytes are a file, `{link}` is a symbolic link; the directories above come by themselves. */
export type Tree = Readonly<Record<string, string | Buffer | { readonly link: string }>>;

type Node = { status: FileStatus; data: Buffer };

const systemError = (code: string) => Object.assign(new Error(code), { code });

/** A FileRoot of such a tree; `onOpen` hears of each file that is opened. */
export function memoryRoot(tree: Tree, onOpen: (path: string) => void = () => {}): FileRoot {
  const nodes = new Map<BytePath, Node>();
  let ino = 1n;
  const put = (path: BytePath, kind: FileStatus['kind'], data: Buffer, target?: BytePath) => {
    const common = { mode: 0o755, uid: 0, gid: 0, dev: 1n, mtimeMs: 0, noexec: false };
    const status = { ...common, kind, sizeBytes: data.length, ino: ino++, ...(target && { target }) };
    nodes.set(path, { status, data });
  };
  const putParents = (path: BytePath) => {
    const parent = parentPath(path);
    if (parent !== path) putParents(parent);
    if (!nodes.has(parent)) put(parent, 'directory', Buffer.alloc(0));
  };
  for (const [text, content] of Object.entries(tree)) {
    const path = bytePath(text);
    putParents(path);
    if (typeof content === 'string') put(path, 'file', Buffer.from(content, 'latin1'));
    else if (Buffer.isBuffer(content)) put(path, 'file', content);
    else put(path, 'symlink', Buffer.alloc(0), bytePath(content.link));
  }

  // Resolves all of a path, or all but its last component.
  function find(path: BytePath, followLast: boolean): BytePath | undefined {
    const todo = path.split('/').filter(Boolean).reverse();
    let here = '/' as BytePath;
    let followed = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (nodes.get(here)?.status.kind !== 'directory') return undefined;
      if (name === '.') continue;
      const next = name === '..' ? parentPath(here) : joinPath(here, name as BytePath);
      const target = nodes.get(next)?.status.target;
      if (target !== undefined && (followLast || todo.length > 0)) {
        if (++followed > 40) throw systemError('ELOOP');
        todo.push(...target.split('/').filter(Boolean).reverse());
        if (target.startsWith('/')) here = '/' as BytePath;
      } else here = next;
    }
    return nodes.has(here) ? here : undefined;
  }

  return {
    lstat: (path) => {
      const at = find(path, false);
      return at === undefined ? undefined : nodes.get(at)?.status;
    },
    open: (path): OpenFile | undefined => {
      const at = find(path, true);
      const node = at === undefined ? undefined : nodes.get(at);
      if (at === undefined || node === undefined) return undefined;
      if (node.status.kind !== 'file')
        throw systemError(node.status.kind === 'directory' ? 'EISDIR' : 'EINVAL');
      onOpen(at);
      const read = (offset: number, length: number) => node.data.subarray(offset, offset + length);
      return { fd: -1, status: node.status, read, close: () => {} };
    },
    list: (path) => {
      const at = find(path, true);
      if (at === undefined) return undefined;
      return [...nodes.keys()]
        .filter((entry) => entry !== '/' && parentPath(entry) === at)
        .map(lastComponent)
        .toSorted();
    },
  };
}
