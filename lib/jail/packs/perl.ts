// Perl: its own modules, and the modules that scripts name.

import { memoize } from '../../values/remember.ts';
import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import { driversIn } from '../dpkg/script-calls.ts';
import { runs } from './self-check.ts';
import { compiledIn, ifAsked } from './pack-host.ts';
import { filesBelow, type Module, modulesOf, scriptsOf } from './script-modules.ts';
import type { Pack, PackHost } from './pack.ts';

const WHEN = { executables: /^perl(?:\d[\d.]*)?$/, libraries: /^libperl\.so/ };

const COPIED = /\.(?:p[lm]|psgi|cgi)$/;

const LANDMARKS = ['strict.pm', 'Config.pm'];

// CORE has headers for extensions; Pod is documentation, except the text for `use diagnostics`; vendor_perl and site_perl
// are for modules of other packages.
const EXCEPT = /\/(?:CORE|vendor_perl|site_perl)$|\.(?:ph|a|h)$|(?<!\/perldiag)\.pod$/;

// A distribution may split perl into packages, so only the modules that exist are loaded.
const TRIAL = `
use strict; use warnings;
for my $file (qw(POSIX.pm List/Util.pm Socket.pm Encode.pm)) { require $file if grep { -e "$_/$file" } @INC }
`;

export const perl: Pack = {
  name: 'perl',
  summary: "Perl's own modules, and those that scripts name, with the drivers in data sources of DBI",
  when: WHEN,
  parts: (host) => {
    const directories = compiledIn(host, WHEN, DIRECTORIES);
    const isOwn = (directory: BytePath) =>
      LANDMARKS.some((name) => host.find(`${directory}/${name}`).length > 0);
    const own = directories.filter(isOwn);
    // these are for modules of other packages
    const others = directories.filter((directory) => !own.includes(directory));
    const find = memoize((name: string) => locate(host, bytePath(name.replaceAll('::', '/')), others));
    return [
      ...ifAsked(host, 'perl'),
      ...own.map((tree) => ({ tree, except: EXCEPT })),
      ...modulesOf(host, scriptsOf(host, WHEN.executables, COPIED), { namesIn, locate: find }),
    ];
  },
  check: runs(WHEN.executables, '-e', TRIAL),
};

// @INC, as `perl -V` prints it.
const DIRECTORIES = /(?<![\w./-])\/[\w.+/-]*perl[\w.+/-]*(?![\w.+/-])/g;

const USE = /(?:^|[;{])[ \t]*(?:use|require|no)[ \t]+([A-Za-z]\w*(?:::\w+)*)([^;]*)/g;

function namesIn(text: string): readonly string[] {
  const names: string[] = [];
  let isPod = false;
  for (const line of text.split('\n')) {
    if (/^__(?:END|DATA)__$/.test(line)) break;
    // Pod begins with any command and ends with =cut (perlpod(1))
    if (/^=[a-z]/.test(line)) isPod = !line.startsWith('=cut');
    else if (!isPod)
      for (const [, name = '', rest = ''] of line.matchAll(USE))
        names.push(...(name === 'base' || name === 'parent' ? (rest.match(/\w+(?:::\w+)*/g) ?? []) : [name]));
  }
  return [...names, ...driversIn(text)];
}

/** X/Y.pm, with the files below X/Y and its compiled part in auto/X/Y (XSLoader). */
function locate(
  { root, find }: PackHost,
  path: BytePath,
  directories: readonly BytePath[],
): Module | undefined {
  const files = directories.flatMap((directory) => find(`${directory}/${path}.pm`)).slice(0, 1);
  if (files.length === 0) return undefined;
  const trees = directories.flatMap((directory) =>
    [path, `auto/${path}`].flatMap((name) => find(joinPath(directory, name as BytePath))),
  );
  return {
    parts: [...files.map((file) => ({ path: file })), ...trees.map((tree) => ({ tree, except: EXCEPT }))],
    sources: [...files, ...trees.flatMap((tree) => filesBelow(root, tree, /\.p[ml]$/, EXCEPT))],
  };
}
