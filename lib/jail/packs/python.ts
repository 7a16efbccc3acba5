// Python: the standard library of each interpreter, virtual environments, and the modules that scripts import.

import { memoize, remember } from '../../values/remember.ts';
import { type BytePath, isWithin, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { resolveLinks } from '../../tree/walk.ts';
import { runs } from './self-check.ts';
import { filesOf, ifAsked, isDirectory } from './pack-host.ts';
import { filesBelow, type Language, type Module, modulesOf, scriptsOf } from './script-modules.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const COPIED = /\.(?:py|wsgi)$/;

const IMPORT = /^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+(\w[\w.]*)[ \t]+import\b)/gm;

const EXCEPT = /\/(?:__pycache__|tests)$/;

/** `libraries`: directories of standard libraries, /usr/lib/python3.13. */
function openPythonModules(host: PackHost, libraries: readonly BytePath[]): Language {
  const sites = siteDirectories(host, libraries);
  const isStandard = memoize((name: string) =>
    libraries.some(
      (library) => host.find(`${library}/${name}`).length + host.find(`${library}/${name}.py`).length > 0,
    ),
  );
  const locateIn = openDirectories(host);
  return {
    namesIn,
    locate: (name, from) => {
      if (isStandard(firstOf(name))) return undefined;
      for (const directory of [parentPath(from), ...sites]) {
        const found = locateIn(name, directory);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

function namesIn(text: string): readonly string[] {
  return Array.from(text.matchAll(IMPORT)).flatMap(([, names, from]) =>
    from === undefined
      ? (names ?? '').split(',').flatMap((part) => /^\s*(\w[\w.]*)/.exec(part)?.[1] ?? [])
      : [from],
  );
}

// Debian has one directory for all versions of Python 3 (Debian Python Policy, "Module Path").
function siteDirectories(host: PackHost, libraries: readonly BytePath[]): readonly BytePath[] {
  return libraries
    .flatMap((library) => [
      `${library}/site-packages`,
      library.replace(/^\/usr\/lib(?:64)?\/(.*)$/, '/usr/local/lib/$1/dist-packages'),
      library.replace(/^\/usr\/lib(?:64)?\/(.*)$/, '/usr/local/lib/$1/site-packages'),
      `${parentPath(library)}/python3/dist-packages`,
    ])
    .flatMap((directory) => host.find(directory))
    .filter((directory) => !libraries.includes(directory));
}

/** Remembers its answers: thousands of modules of one program import the same names. */
function openDirectories(host: PackHost): (name: string, directory: BytePath) => Module | undefined {
  const metadata = memoize((directory: BytePath) => metadataIn(host.root, directory));
  const modules = memoize((directory: BytePath) =>
    memoize((name: string) => readModule(host, name, directory, metadata)),
  );

  // the module of the first part of the name; or one in a namespace package, a shared directory without __init__ (PEP 420)
  function locateIn(name: string, directory: BytePath): Module | undefined {
    const [first = '', ...rest] = name.split('.');
    const found = modules(directory)(first);
    if (found !== undefined || rest.length === 0) return found;
    const [space] = host.find(`${directory}/${first}`);
    return space !== undefined && isDirectory(host, space) ? locateIn(rest.join('.'), space) : undefined;
  }
  return locateIn;
}

/** A package, or a module of one file, with its metadata (importlib.metadata). */
function readModule(
  host: PackHost,
  name: string,
  directory: BytePath,
  metadata: (directory: BytePath) => ReadonlyMap<string, readonly BytePath[]>,
): Module | undefined {
  const { find, root } = host;
  const at = joinPath(directory, name as BytePath);
  const files = [`${at}.py`, `${at}.*.so`, `${at}.so`].flatMap((pattern) => find(pattern));
  const isPackage = find(`${at}/__init__.*`).length > 0;
  if (!isPackage && files.length === 0) return undefined;
  const trees = isPackage ? [at, ...find(`${at}.libs`)] : [];
  // babel/locale-data is a link into /usr/share
  const linked = trees
    .flatMap((tree) => (root.list(tree) ?? []).map((entry) => joinPath(tree, entry)))
    .filter((path) => root.lstat(path)?.kind === 'symlink' && isDirectory(host, path));
  const about = metadata(directory).get(normal(name)) ?? [];
  return {
    parts: [...[...trees, ...linked].map(toTree), ...files.map((path) => ({ path })), ...about.map(toTree)],
    sources: [
      ...trees.flatMap((tree) => filesBelow(root, tree, /\.py$/, EXCEPT)),
      ...files.filter((path) => path.endsWith('.py')),
    ],
  };
}

// The form in which project names are compared (PEP 503).
const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, '-');

/** The metadata directories of installed projects, by the project's name. */
function metadataIn(root: FileRoot, directory: BytePath): ReadonlyMap<string, readonly BytePath[]> {
  const found = new Map<string, BytePath[]>();
  for (const entry of root.list(directory) ?? []) {
    const [, project] = /^(.+?)-[^-]*(?:-py\d[\d.]*)?\.(?:dist|egg)-info$/.exec(entry) ?? [];
    if (project !== undefined) remember(found, normal(project), () => []).push(joinPath(directory, entry));
  }
  return found;
}

const toTree = (tree: BytePath) => ({ tree, except: EXCEPT });

const firstOf = (name: string): string => name.split('.')[0] ?? name;

// The library is for programs that embed Python: gdb.
const WHEN = { executables: /^python[\d.]*[dt]?$/, libraries: /^libpython\d[\d.]*[a-z]*\.so/ };

// Left out: modules of other packages, which are added one by one; tests; graphical modules, because a jail has no display;
// files for linking extensions; and compiled files, which are valid only while their sources keep their times.
const PYTHON_EXCEPT =
  /\/(?:(?:site|dist)-packages|tests?|idle_test|idlelib|turtledemo|__pycache__|config-[^/]*|_(?:tkinter|test)[^/]*\.so)$|\.(?:a|exe)$/;

// Modules that were built must load in the jail.
const TRIAL = `
import os, encodings
try:
    from importlib.util import find_spec
except ImportError: # Python 2
    find_spec = lambda name: None
for name in ('zlib', '_hashlib', '_ctypes', '_socket', '_sqlite3', '_ssl'):
    if find_spec(name): __import__(name)
`;

export const python: Pack = {
  name: 'python',
  summary: "Python's standard library, virtual environments, and modules that scripts name",
  when: WHEN,
  parts: (host) => {
    const libraries = librariesOf(host);
    const scripts = scriptsOf(host, WHEN.executables, COPIED).filter(
      ({ path }) => !libraries.some((library) => path.startsWith(`${library}/`)),
    );
    return [
      ...ifAsked(host, 'python3'),
      ...libraries.map((tree) => ({ tree, except: PYTHON_EXCEPT, by: interpreterOf(host, tree) })),
      // in a virtual environment bin/python is a link to the interpreter (venv of the library reference)
      ...environments(host, [
        ...scripts.flatMap(({ interpreter }) => interpreter ?? []),
        ...host.paths(PYTHON),
      ]),
      ...modulesOf(host, scripts, openPythonModules(host, libraries)),
    ];
  },
  check: runs(WHEN.executables, '-c', TRIAL),
};

/** Directories of standard libraries, found beside the interpreter as CPython does (Modules/getpath.py). */
function librariesOf(host: PackHost): readonly BytePath[] {
  const interpreters = host.executables(WHEN.executables);
  const embedded = host.sign({ libraries: WHEN.libraries });
  const versions = filesOf(host, WHEN).flatMap(
    (path) => /python\d+\.\d+t?/.exec(lastComponent(path))?.[0] ?? [],
  );
  const prefixes = interpreters.map((path) => parentPath(parentPath(path)));
  if (embedded !== undefined) prefixes.push('/usr' as BytePath, parentPath(parentPath(embedded)));
  const names = versions.length === 0 ? ['python3*'] : [...new Set(versions)];
  const places = [...new Set(prefixes)].flatMap((prefix) =>
    ['lib', 'lib64'].flatMap((lib) => names.map((name) => `${prefix}/${lib}/${name}`)),
  );
  // the landmark by which the interpreter recognizes it
  return places.flatMap((place) => host.find(place)).filter((path) => host.find(`${path}/os.py`).length > 0);
}

function interpreterOf(host: PackHost, library: BytePath): BytePath | undefined {
  const interpreters = host.executables(WHEN.executables);
  return interpreters.find((path) => isWithin(library, parentPath(parentPath(path))));
}

const PYTHON = /\/bin\/python[\d.]*$/;

function environments(host: PackHost, interpreters: readonly BytePath[]): readonly Part[] {
  const found = new Map(interpreters.map((path) => [parentPath(parentPath(path)), path]));
  return [...found].flatMap(([directory, path]) => {
    const [settings] = host.find(`${directory}/pyvenv.cfg`);
    if (settings === undefined) return [];
    const except = /\/__pycache__$/;
    const by = joinPath(resolveLinks(host.root, parentPath(path)), lastComponent(path));
    return [
      { path: settings, by },
      { tree: `${directory}/lib`, except, by },
      { tree: `${directory}/lib64`, except, by },
    ];
  });
}
