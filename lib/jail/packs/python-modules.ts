// Finds the modules that a Python script imports, in the directories for modules that are not part of Python itself.

import { type BytePath, joinPath, parentPath } from '../../binary/path.ts';
import { remember } from '../../binary/files.ts';
import type { FileRoot } from '../../binary/root.ts';
import { isDirectory } from './compiled.ts';
import { filesBelow, type Language, type Module } from './modules.ts';
import type { PackHost, Part } from './pack.ts';

const IMPORT = /^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+(\w[\w.]*)[ \t]+import\b)/gm;

const EXCEPT = /\/(?:__pycache__|tests)$/;

/** `libraries`: directories of standard libraries, /usr/lib/python3.13. */
export function openPythonModules(host: PackHost, libraries: readonly BytePath[]): Language {
  const known = new Map<string, Module | null>();
  const sites = siteDirectories(host, libraries);
  const isStandard = (name: string) =>
    libraries.some(
      (library) => host.find(`${library}/${name}`).length + host.find(`${library}/${name}.py`).length > 0,
    );
  return {
    namesIn,
    locate: (name, from) => {
      const directories = [parentPath(from), ...sites];
      const find = () => (isStandard(firstOf(name)) ? null : (locate(host, name, directories) ?? null));
      return remember(known, `${name}\0${parentPath(from)}`, find) ?? undefined;
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

function locate(host: PackHost, name: string, directories: readonly BytePath[]): Module | undefined {
  for (const directory of directories) {
    const found = locateIn(host, firstOf(name), directory) ?? locateSpace(host, name, directory);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A package, or a module of one file, with what its installer keeps about it (importlib.metadata). */
function locateIn(host: PackHost, name: string, directory: BytePath): Module | undefined {
  const at = joinPath(directory, name as BytePath);
  const files = [`${at}.py`, `${at}.*.so`, `${at}.so`].flatMap((pattern) => host.find(pattern));
  const isPackage = host.find(`${at}/__init__.*`).length > 0;
  if (!isPackage && files.length === 0) return undefined;
  const trees = isPackage ? [at, ...host.find(`${at}.libs`)] : [];
  return {
    parts: [
      ...trees.map(toTree),
      ...files.map((path) => ({ path })),
      ...metadataOf(host.root, directory, name).map(toTree),
    ],
    sources: [...trees.flatMap((tree) => filesBelow(host.root, tree, /\.py$/, EXCEPT)), ...files].filter(
      (path) => path.endsWith('.py'),
    ),
  };
}

/** `google.protobuf`: a directory that several packages share has no __init__ (PEP 420). */
function locateSpace(host: PackHost, name: string, directory: BytePath): Module | undefined {
  const [first, ...rest] = name.split('.');
  if (first === undefined || rest.length === 0) return undefined;
  const [space] = host.find(`${directory}/${first}`);
  if (space === undefined || !isDirectory(host, space)) return undefined;
  const inner = rest.join('.');
  return locateIn(host, firstOf(inner), space) ?? locateSpace(host, inner, space);
}

// As names of projects are compared (PEP 503).
const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, '-');

function metadataOf(root: FileRoot, directory: BytePath, name: string): readonly BytePath[] {
  return (root.list(directory) ?? [])
    .filter((entry) => {
      const [, project] = /^(.+?)-[^-]*(?:-py\d[\d.]*)?\.(?:dist|egg)-info$/.exec(entry) ?? [];
      return project !== undefined && normal(project) === normal(name);
    })
    .map((entry) => joinPath(directory, entry));
}

function toTree(tree: BytePath): Part {
  return { tree, except: EXCEPT };
}

function firstOf(name: string): string {
  return name.split('.')[0] ?? name;
}
