// Python: the standard library of each interpreter, virtual environments, and modules that scripts name.

import { type BytePath, lastComponent, parentPath } from '../../binary/path.ts';
import { attempt } from './check.ts';
import { ifAsked } from './compiled.ts';
import { modulesOf } from './modules.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { openPythonModules } from './python-modules.ts';
import { scriptsOf } from './scripts.ts';

const INTERPRETER = /^python[\d.]*[dt]?$/;

// Not the library: modules of others, which are looked for one by one; tests; windows, for which there is no display; what
// the linker needs for an extension; and what was compiled, which is used only while the times of its sources stay the same.
const EXCEPT =
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
      ...libraries.map((tree) => ({ tree, except: EXCEPT })),
      ...environments(host, [...scripts.map(({ interpreter }) => interpreter), ...linksTo(host)]),
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

// What was built with it, it can load in the jail.
const TRIAL = `
import os, encodings
try:
    from importlib.util import find_spec
except ImportError: # Python 2
    find_spec = lambda name: None
for name in ('zlib', '_hashlib', '_ctypes', '_socket', '_sqlite3', '_ssl'):
    if find_spec(name): __import__(name)
`;

/** Directories of standard libraries: beside the interpreter, where it looks itself (Modules/getpath.py of CPython). */
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
  // the landmark by which the interpreter knows it
  return places.flatMap((place) => host.find(place)).filter((path) => host.find(`${path}/os.py`).length > 0);
}

/** Names that lead to an interpreter; that of a virtual environment is a link (venv of the library reference). */
function linksTo(host: PackHost): readonly BytePath[] {
  return host.paths(/\/bin\/python[\d.]*$/);
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
