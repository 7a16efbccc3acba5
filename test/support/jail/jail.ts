// Programs made to order, with what shows which packs they need, and jails that are planned from a root in memory.

import { type BytePath, bytePath, lastComponent } from '../../../lib/tree/path.ts';
import type { FileRoot } from '../../../lib/tree/root.ts';
import type { Entry } from '../../../lib/jail/manifest/planned-entry.ts';
import { EMPTY_RECIPE, type Recipe } from '../../../lib/jail/manifest/recipe.ts';
import type { JailUser, Probe } from '../../../lib/jail/packs/pack.ts';
import { type JailPlan, planJail } from '../../../lib/jail/plan/jail-plan.ts';
import { makeElf, memoryRoot, numbersOf, type Piece, type Tree } from '../binary/image.ts';
import { finish } from '../steps.ts';

const LOADER = '/lib/ld-linux-x86-64.so.2';

/** A host with a C library and nothing else. */
const HOST: Tree = {
  [LOADER]: Buffer.concat([makeElf(), Buffer.from('\0/lib/sys/\0\0')]),
  '/lib/sys/libc.so.6': makeElf(),
  '/var/lib/dpkg/status': '',
};

export interface ProgramImage {
  readonly needed?: readonly string[];
  /** Functions that it calls. */
  readonly imports?: readonly string[];
  /** C strings in its section .rodata. */
  readonly texts?: readonly string[];
  readonly isStatic?: boolean;
}

export function makeProgram({ needed = [], imports = [], texts = [], isStatic }: ProgramImage = {}): Buffer {
  const elf = isStatic
    ? makeElf({ type: 2, isStatic })
    : makeElf({
        interpreter: LOADER,
        needed: ['libc.so.6', ...needed],
        strings: imports,
        pieces: [symbolTable(imports)],
      });
  return texts.length === 0 ? elf : withStrings(elf, texts);
}

/** A library, with the same. */
export function makeLibrary(texts: readonly string[] = []): Buffer {
  return texts.length === 0 ? makeElf() : withStrings(makeElf(), texts);
}

// Elf64_Sym: the offset of the name, no section.
function symbolTable(names: readonly string[]): Piece {
  let at = 1;
  const symbols = names.map((name) => {
    const symbol = Buffer.alloc(24);
    symbol.writeUInt32LE(at);
    symbol[4] = 0x12;
    at += name.length + 1;
    return symbol;
  });
  return { tag: 6, data: Buffer.concat([Buffer.alloc(24), ...symbols]) };
}

// With section headers, as a file that is not stripped of them.
function withStrings(elf: Buffer, texts: readonly string[]): Buffer {
  const { word, address } = numbersOf({});
  const names = Buffer.from('\0.rodata\0.shstrtab\0');
  const data = Buffer.from(`\0${texts.join('\0')}\0`, 'latin1');
  const section = (name: number, type: number, offset: number, size: number) =>
    [word(name), word(type), address(0), address(0), address(offset), address(size)].concat([
      word(0),
      word(0),
      address(1),
      address(0),
    ]);
  const head = Buffer.from(elf);
  const table = elf.length + names.length + data.length;
  head.writeBigUInt64LE(BigInt(table), 40);
  for (const [at, value] of [
    [58, 64],
    [60, 3],
    [62, 2],
  ] as const)
    head.writeUInt16LE(value, at);
  return Buffer.concat([
    head,
    names,
    data,
    Buffer.alloc(64),
    ...section(1, 1, elf.length + names.length, data.length),
    ...section(9, 3, elf.length, names.length),
  ]);
}

/** Plans a jail for programs of the host in memory; `closed` directories are only for root. */
export function planOf(
  tree: Tree,
  programs: readonly string[],
  recipe: Partial<Recipe> = {},
  accounts: readonly JailUser[] = [],
  closed: readonly string[] = [],
): JailPlan {
  const root = memoryRoot({ ...HOST, ...tree });
  const lstat = (path: BytePath) => {
    const status = root.lstat(path);
    return status && closed.includes(path) ? { ...status, mode: 0o700 } : status;
  };
  return finish(
    planJail(
      { ...EMPTY_RECIPE, ...recipe, programs: programs.map(bytePath) },
      { root: { ...root, lstat }, cpu: { hwcaps: [] }, users: accounts },
    ),
  );
}

/** The text of a file that the builder writes. */
export function writtenIn(plan: JailPlan, path: string): string | undefined {
  const entry = plan.entries.find((other) => other.path === path);
  return entry?.kind === 'data' ? Buffer.from(entry.data).toString('latin1') : undefined;
}

export function pathsIn(plan: JailPlan): ReadonlySet<string> {
  return new Set(plan.entries.map(({ path }) => path));
}

/** The jail as it would be made; only that its directories are not empty. */
export function jailOf(tree: Tree, { entries }: JailPlan): FileRoot {
  const host = { ...HOST, ...tree };
  return memoryRoot(Object.fromEntries(entries.map((entry) => [...made(host, entry)])));
}

function made(host: Tree, entry: Entry): readonly [path: string, content: Tree[string]] {
  switch (entry.kind) {
    case 'directory':
      return [`${entry.path}/.directory`, ''];
    case 'link':
      return [entry.path, { link: entry.target }];
    case 'file':
      return [entry.path, host[entry.source] ?? ''];
    case 'data':
      return [entry.path, Buffer.from(entry.data)];
    case 'device':
      return [entry.path, ''];
    default:
      return entry satisfies never;
  }
}

type Ran = Awaited<ReturnType<Probe['run']>>;

/** A jail to be checked, in which each program ends as `ran` says. */
export function probeOf(root: FileRoot, ran: Partial<Ran> = {}): Probe {
  const paths: BytePath[] = [];
  const collect = (directory: BytePath) => {
    for (const name of root.list(directory) ?? []) {
      const path = (directory === '/' ? `/${name}` : `${directory}/${name}`) as BytePath;
      if (root.lstat(path)?.kind === 'directory') collect(path);
      else if (root.lstat(path)?.kind === 'file') paths.push(path);
    }
  };
  collect('/' as BytePath);
  return {
    root,
    executables: (name) => paths.filter((path) => name.test(lastComponent(path))),
    run: () => Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...ran }),
  };
}
