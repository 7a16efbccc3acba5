// Ruby: its own library, the gems of Debian, and those gems of the host that scripts require.

import { memoize } from '../../values/remember.ts';
import { type BytePath, joinPath, lastComponent, parentPath } from '../../tree/path.ts';
import { allIn, compiledIn, filesOf, ifAsked } from './pack-host.ts';
import { filesBelow, type Module, modulesOf, scriptsOf } from './script-modules.ts';
import { runs } from './self-check.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const WHEN = { executables: /^(?:ruby|truffleruby)[\d.]*$/, libraries: /^libruby[\d.-]*\.so/ };
const COPIED = /\.(?:rb|ru)$/;

// Documentation, tests and archives of gems, and files for compiling them.
const EXCEPT =
  /\/gems\/(?:\d[\d.]*\/(?:doc|cache|build_info)|[^/]+-\d[^/]*\/(?:doc|tests?|spec|sig|ext))$|\.(?:rbs|rdoc|ri|h|a)$/;

export const ruby: Pack = {
  name: 'ruby',
  summary: "Ruby's library, the gems of Debian, and those of the host that scripts require",
  when: WHEN,
  parts: (host) => {
    const directories = loadPath(host);
    const scripts = scriptsOf(host, WHEN.executables, COPIED);
    const isOfGem = scripts.some(({ text }) => /\bGem\b|\bbundler\b|\brubygems\b/.test(text));
    const find = memoize((name: string) => locate(host, name as BytePath));
    return [
      ...ifAsked(host, 'ruby'),
      ...directories.map((tree): Part => ({ tree, except: EXCEPT })),
      ...directories.flatMap((path) => {
        const gems = path.replace(/\/ruby\/(\d[\d.]*)$/, '/ruby/gems/$1');
        return gems === path ? [] : [{ tree: gems, except: EXCEPT }];
      }),
      // default and bundled gems of Debian (gem2deb), and those with compiled parts
      { tree: '/usr/share/rubygems-integration', except: EXCEPT },
      { tree: '$LIB/rubygems-integration', except: EXCEPT },
      ...(isOfGem ? [{ tree: GEMS, except: EXCEPT }] : modulesOf(host, scripts, { namesIn, locate: find })),
    ];
  },
  check: runs(WHEN.executables, '-e', 'require "set"; require "time"; require "rbconfig"'),
};

// As `ruby -e 'puts $:'` prints them.
const DIRECTORIES = /(?<![\w./-])\/[\w.+/-]*\/(?:ruby|site_ruby|vendor_ruby)\/[\w.+/-]*/g;

/** $LOAD_PATH. A relocatable Ruby contains only the part after its prefix. */
function loadPath(host: PackHost): readonly BytePath[] {
  const prefixes = filesOf(host, WHEN).map((file) => parentPath(parentPath(file)));
  const beside = prefixes.flatMap((prefix) => host.find(`${prefix}/lib/ruby/*.*.*`));
  return [...new Set([...compiledIn(host, WHEN, DIRECTORIES), ...beside])];
}

// Where gem(1) of Debian installs.
const GEMS = '/var/lib/gems/*';

const REQUIRE = /^[ \t]*(?:require|autoload[ \t(]+:\w+,)[ \t(]*["']([\w/.-]+)["']/gm;

// gem "rack"; s.add_runtime_dependency(%q<rack>.freeze, ["~> 3.0"]) of a gemspec
const DEPENDENCY = /\b(?:gem|add_(?:runtime_)?dependency)[ \t(]+(?:%q<|["'])([\w.-]+)/g;

/** Before the name of a gem, which is not that of a file. */
const GEM = 'gem ';

function namesIn(text: string): readonly string[] {
  return [...allIn(text, REQUIRE), ...allIn(text, DEPENDENCY).map((name) => GEM + name)];
}

/** The gem that has the file to be required, or the name, in all its versions. */
function locate({ root, find }: PackHost, name: BytePath): Module | undefined {
  const places = name.startsWith(GEM)
    ? find(`${GEMS}/gems/${name.slice(GEM.length)}-*`).filter(
        (path) => lastComponent(path).replace(/-\d[\w.-]*$/, '') === name.slice(GEM.length),
      )
    : ['.rb', '.so', ''].flatMap((end) => find(`${GEMS}/gems/*/lib/${name}${end}`)).flatMap(toGem);
  const gems = [...new Set(places)];
  if (gems.length === 0) return undefined;
  const about = gems.flatMap((gem) => {
    const [home, own] = [parentPath(parentPath(gem)), lastComponent(gem)];
    return {
      specification: joinPath(home, `specifications/${own}.gemspec` as BytePath),
      compiled: joinPath(home, `extensions/*/*/${own}` as BytePath),
    };
  });
  return {
    parts: [
      ...[...gems, ...about.map(({ compiled }) => compiled)].map((tree) => ({ tree, except: EXCEPT })),
      ...about.map(({ specification }) => ({ path: specification })),
    ],
    sources: [
      ...about.map(({ specification }) => specification),
      ...gems.flatMap((gem) => filesBelow(root, joinPath(gem, 'lib' as BytePath), /\.rb$/, EXCEPT)),
    ],
  };
}

function toGem(path: BytePath): readonly BytePath[] {
  const gem = /^\/var\/lib\/gems\/[^/]+\/gems\/[^/]+/.exec(path)?.[0];
  return gem === undefined ? [] : [gem as BytePath];
}
