// Small ELF files made to order, and roots that exist in memory only.

import { type BytePath, bytePath, joinPath, lastComponent, parentPath } from '../../lib/binary/path.ts';
import type { FileRoot, FileStatus, OpenFile } from '../../lib/binary/root.ts';

export interface ElfImage {
  readonly bits?: 32 | 64;
  readonly endian?: 'little' | 'big';
  readonly type?: number;
  readonly machine?: number;
  readonly flags?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly auxiliary?: readonly string[];
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
  readonly flags1?: number;
  /** Without PT_DYNAMIC. */
  readonly isStatic?: boolean;
}

const BASE = 0x10000; // addresses differ from offsets, as in most real files

/** An ELF file that has what a loader reads, and nothing else. */
export function makeElf(image: ElfImage = {}): Buffer {
  const { bits = 64, endian = 'little', type = 3, machine = 62, flags = 0 } = image;
  const wide = bits === 64;
  const number = (value: number, size: 2 | 4 | 8) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    const used = bytes.subarray(0, size);
    return endian === 'little' ? used : used.reverse();
  };
  const address = (value: number) => number(value, wide ? 8 : 4);
  const word = (value: number) => number(value, 4);
  const half = (value: number) => number(value, 2);

  let strings = '\0';
  const string = (text: string) => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const tags: [number, number][] = [
    ...(image.needed ?? []).map((name): [number, number] => [1, string(name)]),
    ...(image.auxiliary ?? []).map((name): [number, number] => [0x7ffffffd, string(name)]),
    ...(image.soname === undefined ? [] : [[14, string(image.soname)] as [number, number]]),
    ...(image.rpath === undefined ? [] : [[15, string(image.rpath)] as [number, number]]),
    ...(image.runpath === undefined ? [] : [[29, string(image.runpath)] as [number, number]]),
    ...(image.flags1 === undefined ? [] : [[0x6ffffffb, image.flags1] as [number, number]]),
  ];

  const headerBytes = wide ? 64 : 52;
  const segmentBytes = wide ? 56 : 32;
  const interpreter = image.interpreter === undefined ? undefined : Buffer.from(`${image.interpreter}\0`);
  const count = 1 + (interpreter === undefined ? 0 : 1) + (image.isStatic ? 0 : 1);
  const interpreterAt = headerBytes + count * segmentBytes;
  const stringsAt = interpreterAt + (interpreter?.length ?? 0);
  const dynamicAt = Math.ceil((stringsAt + Buffer.from(strings, 'latin1').length) / 8) * 8;
  const entries: [number, number][] = [...tags, [5, BASE + stringsAt], [10, strings.length], [0, 0]];
  const dynamic = Buffer.concat(entries.map(([tag, value]) => Buffer.concat([address(tag), address(value)])));
  const total = dynamicAt + dynamic.length;

  const segment = (kind: number, offset: number, size: number) =>
    wide
      ? [word(kind), word(5), ...[offset, BASE + offset, BASE + offset, size, size, 8].map(address)]
      : [word(kind), ...[offset, BASE + offset, BASE + offset, size, size].map(address), word(5), word(8)];
  const head = Buffer.concat([
    Buffer.from([
      0x7f,
      0x45,
      0x4c,
      0x46,
      wide ? 2 : 1,
      endian === 'little' ? 1 : 2,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ]),
    half(type),
    half(machine),
    word(1),
    address(0),
    address(headerBytes),
    address(0),
    word(flags),
    ...[headerBytes, segmentBytes, count, 0, 0, 0].map(half),
    ...segment(1, 0, total),
    ...(interpreter === undefined ? [] : segment(3, interpreterAt, interpreter.length)),
    ...(image.isStatic ? [] : segment(2, dynamicAt, dynamic.length)),
    interpreter ?? Buffer.alloc(0),
    Buffer.from(strings, 'latin1'),
  ]);
  const result = Buffer.alloc(total);
  head.copy(result);
  dynamic.copy(result, dynamicAt);
  return result;
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
    const common = { mode: 0o755, uid: 0, gid: 0, dev: 1n, noexec: false };
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
