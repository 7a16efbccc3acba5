// Python: the standard library of each interpreter, virtual environments, and the modules that scripts import.

import { remember } from '../../binary/elf-files.ts';
import { type BytePath, joinPath, lastComponent, parentPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { attempt } from './self-check.ts';
import { ifAsked, isDirectory } from './interpreters.ts';
import { filesBelow, type Language, type Module, modulesOf, scriptsOf } from './script-modules.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const IMPORT = /^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+(\w[\w.]*)[ \t]+import\b)/gm;

const EXCEPT = /\/(?:__pycache__|tests)$/;

/** `libraries`: directories of standard libraries, /usr/lib/python3.13. */
function openPythonModules(host: PackHost, libraries: readonly BytePath[]): Language {
  const sites = siteDirectories(host, libraries);
  const standard = new Map<string, boolean>();
  const isStandard = (name: string) =>
    remember(standard, name, () =>
      libraries.some(
        (library) => host.find(`${library}/${name}`).length + host.find(`${library}/${name}.py`).length > 0,
      ),
    );
  const { locateIn, locateSpace } = openDirectories(host);
  return {
    namesIn,
    locate: (name, from) => {
      const first = firstOf(name);
      if (isStandard(first)) return undefined;
      for (const directory of [parentPath(from), ...sites]) {
        const found = locateIn(first, directory) ?? locateSpace(name, directory);
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
function openDirectories(host: PackHost) {
  const known = new Map<BytePath, Map<string, Module | undefined>>();
  const metadata = new Map<BytePath, ReadonlyMap<string, readonly BytePath[]>>();

  /** A package, or a module of one file, with its metadata (importlib.metadata). */
  function locateIn(name: string, directory: BytePath): Module | undefined {
    const ofDirectory = remember(known, directory, () => new Map<string, Module | undefined>());
    return remember(ofDirectory, name, () => readModule(name, directory));
  }

  function readModule(name: string, directory: BytePath): Module | undefined {
    const at = joinPath(directory, name as BytePath);
    const files = [`${at}.py`, `${at}.*.so`, `${at}.so`].flatMap((pattern) => host.find(pattern));
    const isPackage = host.find(`${at}/__init__.*`).length > 0;
    if (!isPackage && files.length === 0) return undefined;
    const trees = isPackage ? [at, ...host.find(`${at}.libs`)] : [];
    // babel/locale-data is a link into /usr/share
    const linked = trees
      .flatMap((tree) => (host.root.list(tree) ?? []).map((entry) => joinPath(tree, entry)))
      .filter((path) => host.root.lstat(path)?.kind === 'symlink' && isDirectory(host, path));
    const about = remember(metadata, directory, () => metadataIn(host.root, directory));
    return {
      parts: [
        ...[...trees, ...linked].map(toTree),
        ...files.map((path) => ({ path })),
        ...(about.get(normal(name)) ?? []).map(toTree),
      ],
      sources: [...trees.flatMap((tree) => filesBelow(host.root, tree, /\.py$/, EXCEPT)), ...files].filter(
        (path) => path.endsWith('.py'),
      ),
    };
  }

  /** A module in a namespace package, `google.protobuf`: a shared directory without __init__ (PEP 420). */
  function locateSpace(name: string, directory: BytePath): Module | undefined {
    const [first, ...rest] = name.split('.');
    if (first === undefined || rest.length === 0) return undefined;
    const [space] = host.find(`${directory}/${first}`);
    if (space === undefined || !isDirectory(host, space)) return undefined;
    const inner = rest.join('.');
    return locateIn(firstOf(inner), space) ?? locateSpace(inner, space);
  }

  return { locateIn, locateSpace };
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

function toTree(tree: BytePath): Part {
  return { tree, except: EXCEPT };
}

function firstOf(name: string): string {
  return name.split('.')[0] ?? name;
}

const INTERPRETER = /^python[\d.]*[dt]?$/;

// Left out: modules of other packages, which are added one by one; tests; graphical modules, because a jail has no display;
// files for linking extensions; and compiled files, which are valid only while their sources keep their times.
const PYTHON_EXCEPT =
  /\/(?:(?:site|dist)-packages|tests?|idle_test|idlelib|turtledemo|__pycache__|config-[^/]*|_(?:tkinter|test)[^/]*\.so)$|\.(?:a|exe)$/;

export const python: Pack = {
  name: 'python',
  summary: "Python's standard library, virtual environments, and modules that scripts name",
  when: {
    executables: INTERPRETER,
    libraries: /^libpython\d[\d.]*[a-z]*\.so/, // embedded: gdb
  },
  parts: (host) => {
    const libraries = librariesOf(host);
    const scripts = scriptsOf(host, INTERPRETER).filter(
      ({ path }) => !libraries.some((library) => path.startsWith(`${library}/`)),
    );
    return [
      ...ifAsked(host, 'python3'),
      ...libraries.map((tree) => ({ tree, except: PYTHON_EXCEPT })),
      // in a virtual environment bin/python is a link to the interpreter (venv of the library reference)
      ...environments(host, [
        ...scripts.map(({ interpreter }) => interpreter),
        ...host.paths(/\/bin\/python[\d.]*$/),
      ]),
      ...modulesOf(host, scripts, openPythonModules(host, libraries)),
    ];
  },
  check: (jail) =>
    attempt(jail, {
      program: INTERPRETER,
      args: ['-c', TRIAL],
      files: ['/usr/lib*/python3*/os.py', '/usr/local/lib/python3*/os.py'],
    }),
};

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

/** Directories of standard libraries, found beside the interpreter as CPython does (Modules/getpath.py). */
function librariesOf(host: PackHost): readonly BytePath[] {
  const interpreters = host.executables(INTERPRETER);
  const embedded = host.sign({ libraries: /^libpython\d/ });
  const versions = [...interpreters, ...(embedded === undefined ? [] : [embedded])].flatMap(
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

function environments(host: PackHost, interpreters: readonly BytePath[]): readonly Part[] {
  const directories = new Set(interpreters.map((path) => parentPath(parentPath(path))));
  return [...directories].flatMap((directory) => {
    const [settings] = host.find(`${directory}/pyvenv.cfg`);
    if (settings === undefined) return [];
    const except = /\/__pycache__$/;
    return [{ path: settings }, { tree: `${directory}/lib`, except }, { tree: `${directory}/lib64`, except }];
  });
}
