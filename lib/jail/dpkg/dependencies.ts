// Finds the packages that a package needs: by its control fields, and by the plugins that its configuration loads.

import { remember } from '../../values/remember.ts';
import { type BytePath, lastComponent, parentPath, toLatin1 } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { wordSet } from '../../words/word-list.ts';
import type { Package, Packages } from './database.ts';
import { isInProgramDirectory, placeOf } from './file-place.ts';
import { readIfThere } from './readable-files.ts';

export interface Edge {
  readonly to: Package;
  readonly how:
    | 'Pre-Depends'
    | 'Depends'
    | 'Recommends'
    | 'whole' // the full package of which the other one is a minimal part
    | 'rest'; // as `whole`, but only its data, and programs that are named
}

/** The dependencies of a package, without packages that a jail does not need or gets in another way. */
export function dependenciesOf(packages: Packages, pkg: Package): readonly Edge[] {
  const edges = new Map<Package, Edge>();
  function add(how: Edge['how'], groups: Package['depends']): void {
    for (const group of groups) {
      const to = packages.satisfy(group, pkg.architecture);
      if (to !== undefined && to !== pkg && !edges.has(to) && isFollowed(to)) edges.set(to, { to, how });
    }
  }
  add('Pre-Depends', pkg.preDepends);
  add('Depends', pkg.depends);
  // A package works without what it recommends (Debian policy 7.2), with two exceptions: a compiler cannot link without the
  // libc headers, and aspell does nothing without its dictionaries.
  const isCompiler = provides(pkg, 'c-compiler') || provides(pkg, 'c++-compiler');
  const recommended = pkg.recommends.filter((group) => {
    const to = packages.satisfy(group, pkg.architecture);
    return to !== undefined && ((isCompiler && provides(to, 'libc-dev')) || isDataOf(packages, to, pkg));
  });
  add('Recommends', recommended);
  return [...edges.values()];
}

/** The packages that a package recommends; their data counts if a program names it. */
export function recommendedBy(packages: Packages, pkg: Package): readonly Package[] {
  return pkg.recommends.flatMap((group) => {
    const to = packages.satisfy(group, pkg.architecture);
    return to !== undefined && isFollowed(to) ? [to] : [];
  });
}

/** The packages that satisfy Pre-Depends and Depends. */
function neededBy(packages: Packages, { preDepends, depends, architecture }: Package): readonly Package[] {
  return [...preDepends, ...depends].flatMap((group) => packages.satisfy(group, architecture) ?? []);
}

/** Whether a package depends on another one and has only data for it, in a directory of its name. */
function isDataOf(packages: Packages, data: Package, of: Package): boolean {
  if (!neededBy(packages, data).includes(of)) return false;
  const files = packages.files(data);
  const own = [`/usr/lib/${of.name}/`, `/usr/share/${of.name}/`];
  return (
    files.some((path) => own.some((directory) => path.startsWith(directory))) && !hasPrograms(packages, data)
  );
}

function hasPrograms(packages: Packages, pkg: Package): boolean {
  return packages.files(pkg).some((path) => isInProgramDirectory(path));
}

/** The packages that depend on each package, by its name or by what it provides. */
export function readDependents(packages: Packages): ReadonlyMap<Package, readonly Package[]> {
  const dependents = new Map<Package, Package[]>();
  for (const pkg of packages.all)
    for (const on of new Set(neededBy(packages, pkg))) remember(dependents, on, () => []).push(pkg);
  return dependents;
}

/**
 * The full package of a minimal one. /usr/bin/python3 is in python3-minimal and /usr/bin/perl in perl-base, with only the
 * modules for maintainer scripts; a request for the program means python3 and perl. The full packages of apache2-bin,
 * groff-base and similar ones contain the configuration and more data.
 */
export function wholeOf(packages: Packages, pkg: Package): Edge | undefined {
  const name = /^(.+)-(?:minimal|base|bin|core)$/.exec(pkg.name)?.[1];
  const whole = name === undefined ? undefined : packages.find(name);
  if (whole?.source !== pkg.source) return undefined;
  const isPart = [...whole.preDepends, ...whole.depends].some(
    (group) => packages.satisfy(group, whole.architecture) === pkg,
  );
  if (!isPart) return undefined;
  return { to: whole, how: INTERPRETERS.has(pkg.section) ? 'whole' : 'rest' };
}

const INTERPRETERS = new Set(['python', 'perl', 'ruby', 'php', 'javascript', 'interpreters', 'lisp']);

/** Programs of such a package name others only for the scripts that they run. */
export function isInterpreter(pkg: Package | undefined): boolean {
  return pkg !== undefined && INTERPRETERS.has(pkg.section);
}

/** Whether two packages have modules in one directory of an interpreter, as /usr/share/nodejs: one loads the other by a name. */
export function haveModulesInCommon(packages: Packages, one: Package, other: Package): boolean {
  const directories = new Set(packages.files(one).filter((path) => isForModules(packages, path)));
  return directories.size > 0 && packages.files(other).some((path) => directories.has(path));
}

function isForModules(packages: Packages, path: BytePath): boolean {
  return (
    /^\/usr\/(?:share|lib)\/[^/]+(?:\/|$)/.test(path) &&
    !/^\/usr\/lib\/[^/]+-linux-[^/]+$/.test(path) &&
    placeOf(path) === 'other' &&
    packages.isListed(path) &&
    packages.source(path) === undefined
  );
}

/** A package of links to shared libraries for the linker. */
export function isForLinker({ name, section }: Package): boolean {
  return section === 'libdevel' || name.endsWith('-dev');
}

/** A package for compiling, from which headers are taken too. */
export const isForDevelopment = (pkg: Package): boolean => isForLinker(pkg) || DEVELOPMENT.has(pkg.section);

// Also interpreters that read headers: pike's scripts include them, and `R CMD INSTALL` compiles.
const DEVELOPMENT = new Set(['devel', 'golang', 'haskell', 'ocaml', 'rust', 'interpreters', 'lisp', 'gnu-r']);

/** A package that is taken program by program: others use an Essential one without declaring it (Debian policy 3.8). */
export const isBase = ({ name, essential }: Package): boolean => essential || LEFT_TO_OTHERS.has(name);

/** A package for init, maintainer scripts and the administrator, not for programs in a jail. */
export const isForSystem = ({ name }: Package): boolean => FOR_THE_SYSTEM.has(name);

const isFollowed = (pkg: Package): boolean => !isBase(pkg) && !isForSystem(pkg) && pkg.section !== 'doc';

// Closures and packs take single files of these: the loader, libraries, NSS, gconv, locales, certificates.
const LEFT_TO_OTHERS = wordSet(`
  libc6 libc6.1 libc6-i386 libc6-amd64 musl libc-l10n locales locales-all ca-certificates ssl-cert
  openssl-provider-legacy
`);

// Used by maintainer scripts, init, or the administrator.
const FOR_THE_SYSTEM = wordSet(`
  adduser cron cron-daemon-common debconf cdebconf debconf-i18n dictionaries-common init-system-helpers
  install-info libpam-runtime libpam-systemd login logrotate lsb-base lsb-release mount passwd runit-helper
  sensible-utils systemd systemd-sysv sysvinit-core ucf update-inetd xdg-user-dirs
`);

export function provides({ name, provides }: Package, wanted: string): boolean {
  return name === wanted || provides.includes(wanted);
}

const MAX_FILE_BYTES = 1 << 18;

/**
 * Packages that contain a shared object which one of the configuration files names, and that depend on a `used` package of the
 * source that owns the file's directory. `by` is the file that loads it.
 */
export function findPlugins(
  root: FileRoot,
  packages: Packages,
  used: ReadonlySet<Package>,
  files: Iterable<BytePath>,
) {
  const loaded = loadedBy(root, files);
  if (loaded.size === 0) return [];
  return packages.all.flatMap((pkg) => {
    if (used.has(pkg)) return [];
    const dependencies = dependenciesOf(packages, pkg).filter(({ to }) => used.has(to));
    if (dependencies.length === 0) return [];
    for (const path of packages.files(pkg)) {
      const by = path.endsWith('.so') ? loaded.get(lastComponent(path)) : undefined;
      const source = by && packages.source(parentPath(by));
      if (by !== undefined && dependencies.some(({ to }) => to.source === source)) return [{ pkg, by }];
    }
    return [];
  });
}

/** The names of shared objects in configuration files: `extension=mysqli.so`, `load_module modules/ngx_stream.so;`. */
function loadedBy(root: FileRoot, files: Iterable<BytePath>): ReadonlyMap<string, BytePath> {
  const names = new Map<string, BytePath>();
  for (const file of files) {
    if (!file.startsWith('/etc/')) continue;
    const text = toLatin1(readIfThere(root, file, MAX_FILE_BYTES));
    if (!text.includes('.so')) continue;
    for (const line of text.split('\n')) {
      if (/^\s*[#;]/.test(line)) continue;
      for (const word of line.split(/[\s="';,/]+/)) if (word.endsWith('.so')) names.set(word, file);
    }
  }
  return names;
}
