// Ruby: its library with the gems that belong to it, and the gems of the host for a script that comes with them.

import { type BytePath, parentPath } from '../../binary/path.ts';
import { attempt } from './check.ts';
import { compiledIn, filesOf, ifAsked } from './compiled.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { scriptsOf } from './scripts.ts';

const INTERPRETER = /^(?:ruby|truffleruby)[\d.]*$/;
const WHEN = { executables: INTERPRETER, libraries: /^libruby[\d.-]*\.so/ };

// What documents, tests and packs up a gem, and what a compiler needs for one.
const EXCEPT =
  /\/gems\/(?:\d[\d.]*\/(?:doc|cache|build_info)|[^/]+-\d[^/]*\/(?:doc|tests?|spec|sig|ext))$|\.(?:rbs|rdoc|ri|h|a)$/;

export const ruby: Pack = {
  name: 'ruby',
  summary: "Ruby's library, and its gems",
  when: WHEN,
  parts: (host) => {
    const directories = loadPath(host);
    const isOfGem = scriptsOf(host, INTERPRETER).some(({ text }) =>
      /\bGem\b|\bbundler\b|\brubygems\b/.test(text),
    );
    return [
      ...ifAsked(host, 'ruby'),
      ...directories.map((tree): Part => ({ tree, except: EXCEPT })),
      ...directories.flatMap((directory) => gemsBeside(directory)),
      // default and bundled gems of Debian (gem2deb)
      { tree: '/usr/share/rubygems-integration', except: EXCEPT },
      ...(isOfGem ? [{ tree: '/var/lib/gems/*', except: EXCEPT }] : []),
    ];
  },
  check: (jail) =>
    attempt(jail, {
      program: INTERPRETER,
      args: ['-e', 'require "set"; require "time"; require "rbconfig"'],
      files: ['/usr/lib/ruby/*/set.rb', '/usr/local/lib/ruby/*/set.rb', '/usr/share/ruby/set.rb'],
    }),
};

// As `ruby -e 'puts $:'` shows it.
const DIRECTORIES = /(?<![\w./-])\/[\w.+/-]*\/(?:ruby|site_ruby|vendor_ruby)\/[\w.+/-]*/g;

/** $LOAD_PATH. A relocatable Ruby has only the part behind its prefix. */
function loadPath(host: PackHost): readonly BytePath[] {
  const prefixes = filesOf(host, WHEN).map((file) => parentPath(parentPath(file)));
  const beside = prefixes.flatMap((prefix) => host.find(`${prefix}/lib/ruby/*.*.*`));
  return [...new Set([...compiledIn(host, WHEN, DIRECTORIES), ...beside])];
}

function gemsBeside(directory: BytePath): readonly Part[] {
  const gems = directory.replace(/\/ruby\/(\d[\d.]*)$/, '/ruby/gems/$1');
  return gems === directory ? [] : [{ tree: gems, except: EXCEPT }];
}
