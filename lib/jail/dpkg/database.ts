// Reads dpkg's database of a root: the installed packages and the owner of each file. Nothing is executed.

import { type BytePath, bytePath, pathBytes } from '../../tree/path.ts';
import { type FileRoot, openFileLines } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { remember } from '../../values/remember.ts';
import {
  type Diversions,
  readAliases,
  readAlternatives,
  readDiversions,
  readList,
  readRegistry,
} from './file-lists.ts';
import { readFile, readIfThere } from './readable-files.ts';
import { type Alternatives, type Package, readStatus } from './package-status.ts';

export type { Package } from './package-status.ts';

/** The installed packages of a root. A path can have any of its names: `/bin/sh` or `/usr/bin/sh`. */
export type Packages = NonNullable<ReturnType<typeof openPackages>>;

const DATABASE = '/var/lib/dpkg';

/** Opens the database of a root; undefined if there is none. Lists of files are read when needed. */
export function openPackages(root: FileRoot) {
  const status = readFile(root, bytePath(`${DATABASE}/status`));
  if (status === undefined) return undefined;
  const all = readStatus(status);
  const names = openNames(all);
  const rename = readAliases(root);
  const lists = new Map<Package, readonly BytePath[]>();
  let diversions: Diversions | undefined;
  let registry: ReturnType<typeof readRegistry> | undefined;
  let index: ReturnType<typeof indexOwners> | undefined;
  let links: ReturnType<typeof readAlternatives> | undefined;

  function load() {
    diversions ??= readDiversions(readIfThere(root, bytePath(`${DATABASE}/diversions`)));
    registry ??= readRegistry(readIfThere(root, bytePath('/var/lib/ucf/registry')));
    return { diversions, registry };
  }
  /** All files and directories that the package lists or has registered with ucf(1), after diversions and merged /usr. */
  function files(pkg: Package): readonly BytePath[] {
    return remember(lists, pkg, () => {
      const { diversions, registry } = load();
      const listed = readList(readListFile(root, pkg), pkg.name, diversions, rename);
      const registered = registry.get(pkg.name) ?? [];
      return registered.length === 0 ? listed : listed.concat(registered.map(rename));
    });
  }
  const owners = () => (index ??= indexOwners(root, all, { ...load(), files }));
  const ownersOf = (path: BytePath) => owners()(rename(path));
  const ownership = (path: BytePath) => ownerOf(ownersOf(path));

  return {
    ...names,
    all,
    files,
    /** The name of a path in these answers. */
    rename,
    /** Reads in the background what the owners of files need. */
    readAhead: owners,
    /** All links that lead to each chosen file through /etc/alternatives. */
    alternatives: () => (links ??= readAlternatives(root, rename)),
    /** All packages that list a path. Links are not followed. */
    owners: ownersOf,
    /** Undefined if no package owns a file, or several do, as a directory. Links are not followed: no package owns `/usr/bin/vi`. */
    owner: (path: BytePath): Package | undefined => {
      const found = ownership(path);
      return found === undefined || isShared(found) ? undefined : found;
    },
    /** Whether any package lists the path. */
    isListed: (path: BytePath) => ownership(path) !== undefined,
    /** The only source package of a path; its binary packages may share a directory. */
    source: (path: BytePath) => ownership(path)?.source,
  };
}

/** The likely file first: only packages that can be installed for several architectures have the architecture in its name. */
function listFiles({ name, architecture, multiArch }: Package): readonly [BytePath, BytePath] {
  // readStatus gives one character for each byte
  const plain = `${DATABASE}/info/${name}.list` as BytePath;
  const qualified = `${DATABASE}/info/${name}:${architecture}.list` as BytePath;
  return multiArch === 'same' ? [qualified, plain] : [plain, qualified];
}

function readListFile(root: FileRoot, pkg: Package): Uint8Array {
  for (const path of listFiles(pkg)) {
    const data = readFile(root, path);
    if (data !== undefined) return data;
  }
  return new Uint8Array();
}

/** One package, or several packages that share a path, with their source if it is the same. */
type Ownership = Package | { readonly shared: true; readonly source: string | undefined };

interface Lists {
  readonly diversions: Diversions;
  readonly registry: ReturnType<typeof readRegistry>;
  readonly files: (pkg: Package) => readonly BytePath[];
}

// No file is there, so the package is set aside.
const NOWHERE = bytePath('/');
const SHARED: Ownership = { shared: true, source: undefined };

const isShared = (ownership: Ownership): ownership is Exclude<Ownership, Package> => 'shared' in ownership;

/** The lists of most packages are searched as they are, without a string for each path. The lists are read in the background. */
function indexOwners(
  root: FileRoot,
  all: readonly Package[],
  { diversions, registry, files }: Lists,
): (path: BytePath) => readonly Package[] {
  const isUsual = ({ name }: Package) => !registry.has(name);
  const paths = all.map((pkg) => (isUsual(pkg) ? listFiles(pkg)[0] : NOWHERE));
  const openUsual = openFileLines(root, paths, [...diversions.keys()]);
  const open = () => {
    const usual = openUsual();
    const others = usual.aside.flatMap((index) => all[index] ?? []);
    const texts = others.map((pkg) => pathBytes(`${files(pkg).join('\n')}\n` as BytePath));
    return { usual, aside: native.openLines(texts) };
  };
  let lines: ReturnType<typeof open> | undefined;
  const known = new Map<BytePath, readonly Package[]>();
  return (path) =>
    remember(known, path, () => {
      const { usual, aside } = (lines ??= open());
      const line = pathBytes(path);
      const found = [...usual.find(line), ...aside.find(line).map((at) => usual.aside[at] ?? 0)];
      return found.toSorted((a, b) => a - b).flatMap((index) => all[index] ?? []);
    });
}

function ownerOf([first, ...others]: readonly Package[]): Ownership | undefined {
  if (first === undefined || others.some(({ source }) => source !== first.source)) return first && SHARED;
  // the same package of another architecture may list the same file
  return others.every(({ name }) => name === first.name) ? first : { shared: true, source: first.source };
}

function openNames(all: readonly Package[]) {
  const byName = new Map<string, Package[]>();
  const byProvides = new Map<string, Package[]>();
  for (const pkg of all) {
    remember(byName, pkg.name, () => []).push(pkg);
    for (const as of pkg.provides) remember(byProvides, as, () => []).push(pkg);
  }
  // the architecture of dpkg is that of the root (dpkg --print-architecture)
  const native = byName.get('dpkg')?.[0]?.architecture ?? 'all';
  const ofArchitecture = (found: readonly Package[], wanted: string) =>
    found.find(({ architecture }) => architecture === wanted) ??
    found.find(({ architecture }) => architecture === native || architecture === 'all') ??
    found[0];

  /** `name` or `name:architecture`; without an architecture, that of dpkg itself is preferred. */
  function find(name: string): Package | undefined {
    const [plain = '', wanted] = name.split(':', 2);
    const found = byName.get(plain) ?? [];
    if (wanted === undefined || wanted === 'any') return ofArchitecture(found, native);
    return found.find(({ architecture }) => architecture === wanted);
  }
  /** The package that satisfies an entry of Depends: by its name, otherwise by what it provides. */
  function satisfy(alternatives: Alternatives, wanted = native): Package | undefined {
    for (const name of alternatives) {
      const found =
        ofArchitecture(byName.get(name) ?? [], wanted) ?? ofArchitecture(byProvides.get(name) ?? [], wanted);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return { find, satisfy };
}
