// Debian systems made up of a few packages, which exist in memory only.

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import type { FileRoot, FileStatus } from '../../../lib/tree/root.ts';
import { memoryRoot, type Tree } from '../binary/image.ts';

interface MadeFile {
  readonly content?: string | Buffer;
  readonly link?: string;
  /** 0644, or 0755 for what begins with `#!` or is ELF, if not given. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly isDirectory?: true;
}

interface MadePackage {
  /** Lines of its paragraph besides Package, Status, Architecture and Version. */
  readonly control?: string;
  readonly architecture?: string;
  readonly version?: string;
  readonly status?: string;
  /** Paths that lie on the root and stand in the list. */
  readonly files?: Readonly<Record<string, string | Buffer | MadeFile>>;
  /** Paths that stand in the list only, or under another name than on the root. */
  readonly listed?: readonly string[];
}

export interface MadeSystem {
  readonly packages: Readonly<Record<string, MadePackage>>;
  /** The files that no package lists. */
  readonly files?: Readonly<Record<string, string | Buffer | MadeFile>>;
  readonly diversions?: string;
}

/** A root with merged /usr. */
export function makeSystem({ packages, files = {}, diversions }: MadeSystem): FileRoot {
  const made: Record<string, string | Buffer | MadeFile> = {
    '/bin': { link: 'usr/bin' },
    '/sbin': { link: 'usr/sbin' },
    '/lib': { link: 'usr/lib' },
    '/var/lib/dpkg/diversions': diversions ?? '',
    '/var/lib/dpkg/status': Object.entries(packages).map(toParagraph).join('\n'),
    ...files,
  };
  for (const [name, { files = {}, listed = [], control = '', architecture = 'amd64' }] of Object.entries(
    packages,
  )) {
    Object.assign(made, files);
    const paths = [...Object.keys(files), ...listed].flatMap(withParents);
    const list = /^Multi-Arch: same$/m.test(control) ? `${name}:${architecture}` : name;
    made[`/var/lib/dpkg/info/${list}.list`] = ['/.', ...new Set(paths)].join('\n') + '\n';
  }
  return withStatus(made);
}

function toParagraph([name, made]: [string, MadePackage]): string {
  const { control, architecture = 'amd64', version = '1', status = 'install ok installed' } = made;
  const lines = [
    `Package: ${name}`,
    `Status: ${status}`,
    `Architecture: ${architecture}`,
    `Version: ${version}`,
  ];
  return [...lines, ...(control === undefined ? [] : [control]), ''].join('\n');
}

function withParents(path: string): string[] {
  const parts = path.split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

function withStatus(files: Readonly<Record<string, string | Buffer | MadeFile>>): FileRoot {
  const tree: Record<string, Tree[string]> = {};
  const changes = new Map<BytePath, Partial<FileStatus>>();
  for (const [name, value] of Object.entries(files)) {
    const file = typeof value === 'string' || Buffer.isBuffer(value) ? { content: value } : value;
    const { content = '', link, mode, uid = 0, gid = 0, isDirectory } = file;
    if (link !== undefined) tree[name] = { link };
    else if (isDirectory) tree[`${name}/.x`] = '';
    else tree[name] = content;
    const isExecutable = /^(?:#!|\x7fELF)/.test(content.toString('latin1').slice(0, 4));
    changes.set(bytePath(name), { mode: mode ?? (isExecutable || isDirectory ? 0o755 : 0o644), uid, gid });
  }
  const root = memoryRoot(tree);
  return {
    ...root,
    lstat: (path) => {
      const status = root.lstat(path);
      return status && { ...status, ...changes.get(path) };
    },
    list: (path) => root.list(path)?.filter((name) => name !== '.x'),
  };
}

/** A 64-bit ELF file that is nothing but strings in .rodata, with NUL between them. */
export function elfWithStrings(...strings: readonly string[]): Buffer {
  return elfWithSections([['.rodata', `\0${strings.join('\0')}\0`]]);
}

/** A program in Rust without .comment: its strings are not separated. */
export function rustWithStrings(text: string): Buffer {
  return elfWithSections([
    ['.rodata', text],
    ['.debug_gdb_scripts', '\x01gdb_load_rust_pretty_printers.py\0'],
  ]);
}

/** A program in Go, with the names of functions in the section of an executable at a fixed place, or at any. */
export function goWithFunctions(names: string, isPie = false): Buffer {
  return elfWithSections([
    ['.rodata', '/usr/share/zoneinfo/Local'],
    [isPie ? '.data.rel.ro.gopclntab' : '.gopclntab', names],
  ]);
}

function elfWithSections(parts: readonly (readonly [name: string, text: string])[]): Buffer {
  const names = `\0.shstrtab\0${parts.map(([name]) => `${name}\0`).join('')}`;
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  const section = (name: number, type: number, offset: number, size: number) => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(name, 0);
    entry.writeUInt32LE(type, 4);
    entry.writeBigUInt64LE(BigInt(offset), 24);
    entry.writeBigUInt64LE(BigInt(size), 32);
    return entry;
  };
  let end = header.length;
  const place = (text: string, name: number, type: number) => {
    end += text.length;
    return section(name, type, end - text.length, text.length);
  };
  const entries = [
    section(0, 0, 0, 0),
    ...parts.map(([name, text]) => place(text, names.indexOf(name), 1)),
    place(names, 1, 3),
  ];
  header.writeBigUInt64LE(BigInt(end), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(entries.length, 60);
  header.writeUInt16LE(entries.length - 1, 62);
  return Buffer.concat([
    header,
    ...parts.map(([, text]) => Buffer.from(text, 'latin1')),
    Buffer.from(names),
    ...entries,
  ]);
}
