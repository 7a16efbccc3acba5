// Node.js: the package around a script, and the packages that it depends on.

import { remember } from '../../values/remember.ts';
import { type BytePath, bytePath, joinPath, parentPath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import { runs } from './self-check.ts';
import { filesOf, ifAsked } from './pack-host.ts';
import { type Module, modulesOf, scriptsOf } from './script-modules.ts';
import type { Pack, PackHost } from './pack.ts';

// require('x'), import 'x', import … from 'x', import('x'), export … from 'x'
const SPECIFIER = /(?:\brequire\s*\(|\bimport\s*\(?|\bfrom)\s*(['"])([^'"\n]{1,200})\1/g;

// The part before the first slash, or in a scope before the second (package.json of the npm documentation, "name").
const PACKAGE_NAME = /^((?:@[\w.~-]+\/)?[\w.~-]+)(?:\/|$)/;

const EXCEPT = /\/(?:\.git|\.cache|\.nyc_output)$/;
const WITHOUT_MODULES = /\/(?:node_modules|\.git|\.cache|\.nyc_output)$/;

// Directories that hold more than one package, such as home directories.
const FOR_MORE = /^\/(?:[^/]+|home\/[^/]+|usr\/local|var\/[^/]+)(?:\/s?bin)?$/;

// Debian's node searches these too.
const GLOBAL = ['/usr/share/nodejs', '/usr/lib/nodejs', '/usr/share/node_modules'];

/** Stands for the package that contains the script. */
const AROUND = '.';

function namesIn(text: string): readonly string[] {
  return isPackage(text)
    ? dependenciesIn(text)
    : [AROUND, ...Array.from(text.matchAll(SPECIFIER), ([, , name]) => name ?? '')];
}

function locate(host: PackHost, name: string, from: BytePath): Module | undefined {
  if (name === AROUND) return packageAround(host, parentPath(from));
  if (name.startsWith('node:')) return undefined;
  if (/^\.{0,2}\//.test(name)) return fileBy(host, joinPath(parentPath(from), bytePath(name)));
  const [, wanted] = PACKAGE_NAME.exec(name) ?? [];
  return wanted === undefined ? undefined : packageBy(host, wanted as BytePath, from);
}

/** The directory of the nearest package.json; without its content if it is a home or another shared directory. */
function packageAround(host: PackHost, directory: BytePath): Module | undefined {
  for (let at = directory; at !== '/'; at = parentPath(at))
    if (host.find(`${at}/package.json`).length > 0) return packageIn(host, at, FOR_MORE.test(at));
  return undefined;
}

function packageBy(host: PackHost, name: BytePath, from: BytePath): Module | undefined {
  const places: string[] = [];
  for (let at = parentPath(from); at !== '/'; at = parentPath(at)) places.push(`${at}/node_modules`);
  const directory = [...places, '/node_modules', ...GLOBAL]
    .map((modules) => joinPath(modules as BytePath, name))
    .find((path) => ['package.json', 'index.js'].some((file) => host.find(`${path}/${file}`).length > 0));
  return directory && packageIn(host, directory);
}

// With pnpm the directory is a link into a store, and the dependencies are beside its target.
function packageIn(host: PackHost, directory: BytePath, isForMore = false): Module {
  const real = walk(host.root, directory).path;
  const description = joinPath(real, 'package.json' as BytePath);
  const isDescribed = host.find(description).length > 0;
  const sources = [isDescribed ? description : joinPath(real, 'index.js' as BytePath)];
  if (isForMore) return { parts: [{ path: description }], sources };
  // node_modules also holds development tools then, so dependencies are added one by one
  const isMixed = /"devDependencies"\s*:\s*\{\s*"/.test(host.readText(description) ?? '');
  const except = isMixed ? WITHOUT_MODULES : EXCEPT;
  return { parts: [{ path: directory }, { tree: real, except }], sources };
}

// require() of a file can omit its suffix. Sources are resolved paths: `./a` of `./b` of `./a` would never end.
function fileBy(host: PackHost, path: BytePath): Module | undefined {
  for (const end of ['', '.js', '.json', '.node', '.cjs', '.mjs', '/index.js']) {
    const way = walk(host.root, `${path}${end}` as BytePath);
    if (way.kind === 'found' && way.status.kind === 'file')
      return { parts: [{ path: `${path}${end}` }], sources: [way.path] };
  }
  return undefined;
}

const isPackage = (text: string): boolean => text.trimStart().startsWith('{') && text.includes('"name"');

function dependenciesIn(text: string): readonly string[] {
  try {
    const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) =>
      Object.keys((value[kind] as object | null | undefined) ?? {}),
    );
  } catch {
    return [];
  }
}

const WHEN = { executables: /^(?:node|nodejs)[\d.]*$/, libraries: /^libnode\.so/ };

const COPIED = /\.[cm]?js$/;

const TRIAL = `
require('node:crypto').createHash('sha256').digest();
require('node:http'); require('node:zlib'); import('node:fs').catch(() => process.exit(1)); typeof fetch;
`;

export const node: Pack = {
  name: 'node',
  summary: 'packages of scripts, and the packages that they depend on',
  when: WHEN,
  parts: (host) => {
    const known = new Map<string, Module | undefined>();
    const [copies, started] = [host.copies(), new Set(host.executables(/./))];
    const find = (name: string, from: BytePath) => {
      // a copied file comes alone, without the package around it
      if (name === AROUND && copies.has(from) && !started.has(from)) return undefined;
      return remember(known, `${name}\0${parentPath(from)}`, () => locate(host, name, from));
    };
    return [
      ...ifAsked(host, 'node'),
      ...filesOf(host, WHEN).flatMap((file) => host.texts(file, BUILT_IN).map((path) => ({ path }))),
      ...modulesOf(host, scriptsOf(host, WHEN.executables, COPIED), { namesIn, locate: find }),
    ];
  },
  check: runs(WHEN.executables, '-e', TRIAL),
};

// Node's own modules that a distribution keeps as files (configure --shared-builtin-…-path).
const BUILT_IN = /\/usr\/(?:share|lib)\/(?:nodejs|node_modules)\/[\w./-]+\.(?:js|wasm)/g;
