// Which packages another one needs when it is used: by what it says, and by the plugins that its configuration loads.

import { remember } from '../../binary/elf-files.ts';
import { type BytePath, lastComponent, parentPath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Package, Packages } from './database.ts';
import { placeOf } from './file-place.ts';
import { readIfThere } from './read.ts';
export interface Edge {
  readonly to: Package;
  readonly how:
    | 'Pre-Depends'
    | 'Depends'
    | 'Recommends'
    | 'whole' // all of what `from` is the smallest part of
    | 'configuration'; // the same, of which only the configuration matters
}

/** What a package depends on, without what a jail has from elsewhere or has no use for. */
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
  // A compiler can compile without the headers of libc but link nothing, so Debian only recommends them; of all other
  // recommendations the package says that it works without (Debian policy 7.2).
  if (provides(pkg, 'c-compiler') || provides(pkg, 'c++-compiler'))
    add(
      'Recommends',
      pkg.recommends.filter((group) => {
        const to = packages.satisfy(group, pkg.architecture);
        return to !== undefined && provides(to, 'libc-dev');
      }),
    );
  // aspell works without its dictionaries as little as they work without aspell
  add(
    'Recommends',
    pkg.recommends.filter((group) => {
      const to = packages.satisfy(group, pkg.architecture);
      return to !== undefined && isDataOf(packages, to, pkg);
    }),
  );
  return [...edges.values()];
}

/** Whether a package is nothing without another one, and has only data for it, in a directory of that name. */
function isDataOf(packages: Packages, data: Package, of: Package): boolean {
  const needs = [...data.preDepends, ...data.depends].some(
    (group) => packages.satisfy(group, data.architecture) === of,
  );
  if (!needs) return false;
  const files = packages.files(data);
  const own = [`/usr/lib/${of.name}/`, `/usr/share/${of.name}/`];
  return (
    files.some((path) => own.some((directory) => path.startsWith(directory))) &&
    !files.some((path) => placeOf(path) === 'program')
  );
}

/** The packages that depend on each, by its name or by what it provides. */
export function readDependents(packages: Packages): ReadonlyMap<Package, readonly Package[]> {
  const dependents = new Map<Package, Package[]>();
  for (const pkg of packages.all) {
    const needed = [...pkg.preDepends, ...pkg.depends].map((group) =>
      packages.satisfy(group, pkg.architecture),
    );
    for (const on of new Set(needed)) if (on !== undefined) remember(dependents, on, () => []).push(pkg);
  }
  return dependents;
}

/**
 * What a package with a program is only the smallest part of, without saying so. /usr/bin/python3 is in python3-minimal and
 * /usr/bin/perl in perl-base, with just the modules that maintainer scripts use: whoever asks for the program means python3 and
 * perl. Of apache2-bin, dnsmasq-base and others like them it is the configuration that lies in the whole.
 */
export function wholeOf(packages: Packages, pkg: Package): Edge | undefined {
  const name = /^(.+)-(?:minimal|base|bin|core)$/.exec(pkg.name)?.[1];
  const whole = name === undefined ? undefined : packages.find(name);
  if (whole?.source !== pkg.source) return undefined;
  const isPart = [...whole.preDepends, ...whole.depends].some(
    (group) => packages.satisfy(group, whole.architecture) === pkg,
  );
  if (!isPart) return undefined;
  return { to: whole, how: INTERPRETERS.has(pkg.section) ? 'whole' : 'configuration' };
}

const INTERPRETERS = new Set(['python', 'perl', 'ruby', 'php', 'javascript', 'interpreters', 'lisp']);

/**
 * Whether two packages have modules for one interpreter, in a directory that many share: /usr/share/nodejs,
 * /usr/lib/python3/dist-packages. One loads the other's by a name that is no path.
 */
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

/** A package of links to shared libraries, which the linker follows. */
export function isForLinker({ name, section }: Package): boolean {
  return section === 'libdevel' || name.endsWith('-dev');
}

/** A package for compiling: what others bring for that, as headers for their plugins, is what it is for. */
export function isForDevelopment(pkg: Package): boolean {
  return isForLinker(pkg) || DEVELOPMENT.has(pkg.section);
}

const DEVELOPMENT = new Set(['devel', 'golang', 'haskell', 'ocaml', 'rust']);

/**
 * A package that is taken program by program. Essential ones are of this kind: dozens of programs each, which a package may
 * use without saying so and few do (policy 3.8).
 */
export function isBase({ name, essential }: Package): boolean {
  return essential || LEFT_TO_OTHERS.has(name);
}

/** A package that init, maintainer scripts and an administrator use, not a program in a jail. */
export function isForSystem({ name }: Package): boolean {
  return FOR_THE_SYSTEM.has(name);
}

function isFollowed(pkg: Package): boolean {
  return !isBase(pkg) && !isForSystem(pkg) && pkg.section !== 'doc';
}

// Taken file by file where it is used: the loader, libraries of its own, NSS, gconv, locales, certificates, PAM.
const LEFT_TO_OTHERS = new Set([
  'libc6',
  'libc6.1',
  'libc6-i386',
  'libc6-amd64',
  'musl',
  'libc-l10n',
  'locales',
  'locales-all',
  'ca-certificates',
  'ssl-cert',
  'openssl-provider-legacy',
]);

// Called by maintainer scripts, by init, or by an administrator.
const FOR_THE_SYSTEM = new Set([
  'adduser',
  'cron',
  'cron-daemon-common',
  'debconf',
  'cdebconf',
  'debconf-i18n',
  'dictionaries-common',
  'init-system-helpers',
  'install-info',
  'libpam-runtime',
  'libpam-systemd',
  'login',
  'logrotate',
  'lsb-base',
  'lsb-release',
  'mount',
  'passwd',
  'runit-helper',
  'sensible-utils',
  'systemd',
  'systemd-sysv',
  'sysvinit-core',
  'ucf',
  'update-inetd',
  'xdg-user-dirs',
]);

function provides({ name, provides }: Package, wanted: string): boolean {
  return name === wanted || provides.some((relation) => relation.name === wanted);
}

export interface Plugin {
  readonly pkg: Package;
  /** What it is a plugin of. */
  readonly from: Package;
  /** The file that loads it. */
  readonly by: BytePath;
}

const MAX_FILE_BYTES = 1 << 18;

/**
 * Packages with a shared object that one of the files names, and that depend on what the file configures: a `used` package of
 * the source that has the directory to itself.
 */
export function findPlugins(
  root: FileRoot,
  packages: Packages,
  used: ReadonlySet<Package>,
  files: Iterable<BytePath>,
): readonly Plugin[] {
  const loaded = loadedBy(root, files);
  if (loaded.size === 0) return [];
  return packages.all.flatMap((pkg): Plugin[] => {
    if (used.has(pkg)) return [];
    const dependencies = dependenciesOf(packages, pkg).filter(({ to }) => used.has(to));
    if (dependencies.length === 0) return [];
    for (const path of packages.files(pkg)) {
      const by = path.endsWith('.so') ? loaded.get(lastComponent(path)) : undefined;
      const source = by && packages.source(parentPath(by));
      const from = source && dependencies.find(({ to }) => to.source === source)?.to;
      if (by !== undefined && from) return [{ pkg, from, by }];
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
    for (const line of text.split('\n')) {
      if (/^\s*[#;]/.test(line)) continue;
      for (const word of line.split(/[\s="';,/]+/)) if (word.endsWith('.so')) names.set(word, file);
    }
  }
  return names;
}
