// Packs of interpreters whose directories are compiled into the interpreter.

import { type BytePath, parentPath, showPath } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { allIn, compiledIn, expandPath, ifAsked, isDirectory } from './pack-host.ts';
import { scriptsOf } from './script-modules.ts';
import { runs } from './self-check.ts';

const TCL_WHEN = { executables: /^(?:tclsh|wish|expect)[\d.]*$/, libraries: /^libtcl\d[\d.]*\.so/ };

// Tcl uses the system's time zones
const TCL_EXCEPT = /\/(?:tzdata|demos)$/;

export const tcl: Pack = {
  name: 'tcl',
  summary: 'the own scripts of Tcl and Tk, and packages that scripts require',
  when: TCL_WHEN,
  parts: (host) => {
    const directories = directoriesOf(host);
    const own = directories.filter((path) => /\/(?:tcl|tk)\d+\.\d+$/.test(path));
    const above = own.map((path) => path.replace(/\/[^/]+$/, ''));
    const names = scriptsOf(host, TCL_WHEN.executables, /\.tcl$/).flatMap(({ text }) => packagesIn(text));
    return [
      ...ifAsked(host, 'tclsh'),
      ...own.map((tree): Part => ({ tree, except: TCL_EXCEPT })),
      // modules of one file: http, msgcat (tm(3tcl))
      ...above.flatMap((path) => ['tcl8', 'tcl9'].map((name) => ({ tree: `${path}/${name}` }))),
      ...[...new Set([...directories, ...above])].flatMap((path) =>
        names.map((name) => ({ tree: `${path}/${name}*`, except: TCL_EXCEPT })),
      ),
    ];
  },
  check: async (jail) => {
    const [script] = expandPath(jail.root, '/usr/*/*/*/parray.tcl', []);
    if (script === undefined) return undefined;
    for (const program of jail.executables(/^tclsh[\d.]*$/)) {
      const { stderr } = await jail.run(program, script);
      const failure = /^.*(?:initialization failed|Can't find).*$/m.exec(stderr)?.[0];
      if (failure !== undefined) return quote(failure);
    }
    return undefined;
  },
};

// tcl_library and auto_path: directories, separated by colons.
const TCL_DIRECTORIES = /(?<![\w./-])\/[\w./-]*(?:tcl|tk)[\w./-]*/g;

/** The directories of Tcl's scripts, and those of Tk, which are beside them. */
function directoriesOf(host: PackHost): readonly BytePath[] {
  const found = compiledIn(host, TCL_WHEN, TCL_DIRECTORIES);
  const beside = found.flatMap((path) => host.find(path.replace(/\/tcl(\d[\d.]*)$/, '/tk$1')));
  const isUsed = host.sign({ libraries: /^lib(?:tcl9)?tk\d/ }) !== undefined;
  return [...new Set(isUsed ? [...found, ...beside] : found)];
}

function packagesIn(text: string): readonly string[] {
  const names = allIn(text, /\bpackage\s+require\s+(?:-exact\s+)?([A-Za-z]\w*)/g);
  return names.filter((name) => !/^(?:Tcl|Tk|Expect)$/.test(name));
}

const LUA_WHEN = { executables: /^lua(?:jit)?[\d.-]*$/, libraries: /^liblua(?:jit)?-?\d[\w.-]*\.so/ };

export const lua: Pack = {
  name: 'lua',
  summary: 'modules of Lua',
  when: LUA_WHEN,
  parts: (host) => [
    ...ifAsked(host, 'lua'),
    ...compiledIn(host, LUA_WHEN, LUA_DIRECTORIES).map((tree) => ({ tree })),
  ],
  check: runs(LUA_WHEN.executables, '-e', 'assert(string.rep("a", 3) == "aaa")'),
};

// package.path and package.cpath: /usr/share/lua/5.4/?.lua
const LUA_DIRECTORIES = /(?<![\w./-])\/[\w./-]+(?=\/\?\.(?:lua|so))/g;

const GUILE_WHEN = { executables: /^guile(?:-?\d[\d.]*)?$/, libraries: /^libguile-\d/ };

// %load-path, %load-compiled-path, and the directory of (load-extension)
const GUILE_DIRECTORIES = /(?<![\w./-])\/[\w./-]*\/guile\/\d+\.\d+(?:\/ccache|\/extensions)?(?![\w./-])/g;

export const guile: Pack = {
  name: 'guile',
  summary: "Guile's modules",
  when: GUILE_WHEN,
  parts: (host) => [
    ...ifAsked(host, 'guile'),
    ...compiledIn(host, GUILE_WHEN, GUILE_DIRECTORIES).map((tree) => ({ tree })),
  ],
  check: runs(GUILE_WHEN.executables, '-c', '(use-modules (ice-9 regex))'),
};

const PHP_INTERPRETER = /^php(?:dbg)?[\d.]*(?:-(?:fpm|cgi|cli)[\d.]*)?$/;
const MODULE = /\/libphp[\d.]*\.so$/; // of a web server

// The directories of php.ini, further .ini files, and extensions.
const PHP_DIRECTORIES = /(?<![\w./-])\/(?:usr|etc|opt)\/[\w./-]*php[\w./-]*/g;

export const php: Pack = {
  name: 'php',
  summary: "PHP's configuration, and the extensions that it names",
  when: { executables: PHP_INTERPRETER, paths: MODULE },
  parts: (host) => {
    const files = [...host.executables(PHP_INTERPRETER), ...host.paths(MODULE)];
    const found = new Set(files.flatMap((file) => host.texts(file, PHP_DIRECTORIES)));
    const directories = [...found].filter((path) => isDirectory(host, path));
    const configuration = directories.filter((path) => /\/etc\//.test(path));
    const settings = ['/etc/php.ini', ...configuration.flatMap((path) => host.find(`${path}/*.ini`))];
    const extensions = new Set(settings.flatMap((file) => allIn(host.readText(file), PHP_EXTENSION)));
    return [
      ...ifAsked(host, 'php'),
      { path: '/etc/php.ini' },
      ...configuration.map((tree): Part => ({ tree, except: /\.(?:dpkg|ucf)-[a-z]+$/ })),
      ...[...extensions].flatMap((name) =>
        name.startsWith('/')
          ? [{ path: name }]
          : directories.flatMap((path) => [{ path: `${path}/${name}` }, { path: `${path}/${name}.so` }]),
      ),
    ];
  },
  check: async (jail) => {
    for (const program of jail.executables(/^php[\d.]*$/)) {
      const { exitCode, stderr, stdout } = await jail.run(program, '-r', 'exit(strlen("abc") - 3);');
      const output = `${stderr}\n${stdout}`;
      const [warning] = /^.*(?:Unable to (?:load|initialize)|Fatal error).*$/m.exec(output) ?? [];
      if (warning !== undefined) return quote(warning);
      if (exitCode !== 0) return `${showPath(program)} fails: exit status ${exitCode}`;
    }
    return undefined;
  },
};

// In php.ini: a name, the name of a file, or a path.
const PHP_EXTENSION = /^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*"?([\w./-]+)/gm;

const LAUNCHER = /^(?:java|javac|jar|javap|javadoc|jshell|jlink|jdeps|keytool|jarsigner|rmiregistry)$/;

export const java: Pack = {
  name: 'java',
  summary: 'the virtual machine around java, with its class library',
  when: { executables: LAUNCHER, libraries: /^libjli\.so$/ },
  parts: (host) => [
    ...ifAsked(host, 'java'),
    ...homes(host).map((tree) => ({ tree, except: /\/(?:man|legal|demo|sample|docs|jmods|src\.zip)$/ })),
  ],
  check: runs(/^java$/, '-version'),
};

/** java.home of each launcher: the directory with a class library, which is one file since Java 9. */
function homes(host: PackHost): readonly BytePath[] {
  const above = host.executables(LAUNCHER).map((path) => parentPath(parentPath(path)));
  return [...new Set(above)].filter((path) =>
    ['lib/modules', 'lib/rt.jar', 'jre/lib/rt.jar'].some((name) => host.find(`${path}/${name}`).length > 0),
  );
}
