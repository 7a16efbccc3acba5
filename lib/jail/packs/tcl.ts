// Tcl and Tk: their scripts, and packages that scripts ask for.

import type { BytePath } from '../../binary/path.ts';
import { quote } from '../../quote.ts';
import { findInJail, lacksAll } from './check.ts';
import { compiledIn, ifAsked } from './compiled.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { scriptsOf } from './scripts.ts';

const INTERPRETER = /^(?:tclsh|wish|expect)[\d.]*$/;
const WHEN = { executables: INTERPRETER, libraries: /^libtcl\d[\d.]*\.so/ };

// the system's time zones are used
const EXCEPT = /\/(?:tzdata|demos)$/;

export const tcl: Pack = {
  name: 'tcl',
  summary: 'the scripts that Tcl and Tk begin with, and packages that scripts ask for',
  when: WHEN,
  parts: (host) => {
    const directories = directoriesOf(host);
    const own = directories.filter((path) => /\/(?:tcl|tk)\d+\.\d+$/.test(path));
    const above = own.map((path) => path.replace(/\/[^/]+$/, ''));
    const names = scriptsOf(host, INTERPRETER).flatMap(({ text }) => packagesIn(text));
    return [
      ...ifAsked(host, 'tclsh'),
      ...own.map((tree): Part => ({ tree, except: EXCEPT })),
      // modules of one file: http, msgcat (tm(3tcl))
      ...above.flatMap((path) => ['tcl8', 'tcl9'].map((name) => ({ tree: `${path}/${name}` }))),
      ...[...new Set([...directories, ...above])].flatMap((path) =>
        names.map((name) => ({ tree: `${path}/${name}*`, except: EXCEPT })),
      ),
    ];
  },
  check: async (jail) => {
    const programs = jail.executables(/^tclsh[\d.]*$/);
    const [script] = findInJail(jail, '/usr/*/*/*/parray.tcl');
    for (const program of script === undefined ? [] : programs) {
      const { stderr } = await jail.run(program, script ?? '');
      const failure = /^.*(?:initialization failed|Can't find).*$/m.exec(stderr)?.[0];
      if (failure !== undefined) return quote(failure);
    }
    return lacksAll(
      jail,
      '/usr/share/tcltk/t*/*.tcl',
      '/usr/share/tcl*/init.tcl',
      '/usr/lib*/tcl*/init.tcl',
      '/usr/local/lib/tcl*/init.tcl',
    );
  },
};

// tcl_library and auto_path: directories, with colons between them.
const DIRECTORIES = /(?<![\w./-])\/[\w./-]*(?:tcl|tk)[\w./-]*/g;

/** Tk has its scripts beside those of Tcl. */
function directoriesOf(host: PackHost): readonly BytePath[] {
  const found = compiledIn(host, WHEN, DIRECTORIES);
  const beside = found.flatMap((path) => host.find(path.replace(/\/tcl(\d[\d.]*)$/, '/tk$1')));
  const isUsed = host.sign({ libraries: /^lib(?:tcl9)?tk\d/ }) !== undefined;
  return [...new Set(isUsed ? [...found, ...beside] : found)];
}

function packagesIn(text: string): readonly string[] {
  const names = Array.from(
    text.matchAll(/\bpackage\s+require\s+(?:-exact\s+)?([A-Za-z]\w*)/g),
    ([, name]) => name ?? '',
  );
  return [...new Set(names)].filter((name) => !/^(?:Tcl|Tk|Expect)$/.test(name));
}
