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

interface Directories {
  /** A package, or a module of one file, with what its installer keeps about it (importlib.metadata). */
  readonly locateIn: (name: string, directory: BytePath) => Module | undefined;
  /** `google.protobuf`: a directory that several packages share has no __init__ (PEP 420). */
  readonly locateSpace: (name: string, directory: BytePath) => Module | undefined;
}

/** Thousands of modules of one program import the same names: each name is looked for once in each directory. */
function openDirectories(host: PackHost): Directories {
  const known = new Map<BytePath, Map<string, Module | null>>();
  const metadata = new Map<BytePath, ReadonlyMap<string, readonly BytePath[]>>();

  function locateIn(name: string, directory: BytePath): Module | undefined {
    const ofDirectory = remember(known, directory, () => new Map<string, Module | null>());
    return remember(ofDirectory, name, () => readModule(name, directory) ?? null) ?? undefined;
  }

  function readModule(name: string, directory: BytePath): Module | undefined {
    const at = joinPath(directory, name as BytePath);
    const files = [`${at}.py`, `${at}.*.so`, `${at}.so`].flatMap((pattern) => host.find(pattern));
    const isPackage = host.find(`${at}/__init__.*`).length > 0;
    if (!isPackage && files.length === 0) return undefined;
    const trees = isPackage ? [at, ...host.find(`${at}.libs`)] : [];
    const about = remember(metadata, directory, () => metadataIn(host.root, directory));
    return {
      parts: [
        ...trees.map(toTree),
        ...files.map((path) => ({ path })),
        ...(about.get(normal(name)) ?? []).map(toTree),
      ],
      sources: [...trees.flatMap((tree) => filesBelow(host.root, tree, /\.py$/, EXCEPT)), ...files].filter(
        (path) => path.endsWith('.py'),
      ),
    };
  }

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

// As names of projects are compared (PEP 503).
const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, '-');

/** What installers keep about the projects in a directory, by the name of the project. */
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
