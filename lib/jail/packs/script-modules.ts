// Finds the scripts of an interpreter in a jail, and the modules that they name.

import { remember } from '../../values/remember.ts';
import { type BytePath, isWithin, joinPath, lastComponent, parentPath, toLatin1 } from '../../tree/path.ts';
import { type FileRoot, tryFile } from '../../tree/root.ts';
import { commandOfEnv, readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { resolveLinks } from '../../tree/walk.ts';
import { isInstalled, isPossibleName } from '../dpkg/script-calls.ts';
import type { PackHost, Part } from './pack.ts';

const MAX_BYTES = 1 << 20;

export interface ScriptText {
  /** In the jail. */
  readonly path: BytePath;
  /** The path after `#!`, or the name that env(1) looks up; undefined for a copy that has neither. */
  readonly interpreter: BytePath | undefined;
  readonly text: string;
}

/**
 * The scripts in the jail whose interpreter's last component matches, and the copied files that an interpreter is to be started
 * with, by their suffix.
 */
export function scriptsOf(
  { root, executables, copies }: PackHost,
  name: RegExp,
  suffix?: RegExp,
): readonly ScriptText[] {
  const copied = copies();
  const read = (path: BytePath, source: BytePath, isScript: boolean) =>
    tryFile(root, source, ({ read }): ScriptText | undefined => {
      const script = readScript(read(0, SCRIPT_HEAD_BYTES));
      const interpreter = script.kind === 'script' ? (commandOfEnv(script) ?? script.interpreter) : undefined;
      const isOf = interpreter === undefined ? isScript : name.test(lastComponent(interpreter));
      return isOf ? { path, interpreter, text: toLatin1(read(0, MAX_BYTES)) } : undefined;
    });
  const started = new Set(executables(/./));
  const others = [...copied].filter(
    ([path]) => suffix?.test(path) === true && !started.has(path) && !isInstalled(path),
  );
  return [
    ...[...started].flatMap((path) => read(path, copied.get(path) ?? path, false) ?? []),
    ...others.flatMap(([path, source]) => read(path, source, true) ?? []),
  ];
}

export interface Module {
  readonly parts: readonly Extract<Part, { readonly path: string } | { readonly tree: string }>[];
  /** Its source files, which can name other modules. */
  readonly sources: readonly BytePath[];
}

export interface Language {
  /** The names of modules in a text, as written. */
  readonly namesIn: (text: string) => readonly string[];
  /** The module that a name in the file `from` means; undefined if it is the interpreter's own, or not found. */
  readonly locate: (name: string, from: BytePath) => Module | undefined;
}

// A script of a desktop application can name half of the installed modules.
const MAX_SOURCES = 10_000;

/** The parts of all modules that the scripts need. A name that is composed at run time is not found. */
export function modulesOf(
  host: PackHost,
  scripts: readonly ScriptText[],
  { namesIn, locate }: Language,
): readonly Part[] {
  const parts: Part[] = [];
  const namesBySource = namesKept(host.root, namesIn);
  const read = (text: string) => new Set(namesIn(text).filter(isPossibleName));
  const located = new Set<Module>();
  const seen = new Set<BytePath>(scripts.map(({ path }) => path));
  const queue = scripts.map(({ path, interpreter, text }) => ({
    path,
    names: read(text),
    programs: [path, ...(interpreter === undefined ? [] : [resolveLinks(host.root, interpreter)])],
  }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    for (const name of next.names) {
      const found = locate(name, next.path);
      if (found === undefined || located.has(found)) continue;
      located.add(found);
      for (const part of found.parts)
        parts.push({ ...part, by: nearest('tree' in part ? part.tree : part.path, next.programs) });
      for (const path of found.sources) {
        if (seen.has(path) || seen.size > MAX_SOURCES) continue;
        seen.add(path);
        const names = remember(namesBySource, path, () => read(host.readText(path) ?? ''));
        queue.push({ path, names, programs: next.programs });
      }
    }
  return parts;
}

/** The program that shares most directories with a path; of equals the first. */
function nearest(path: string, programs: readonly BytePath[]): BytePath | undefined {
  const shared = (program: BytePath) => {
    let directory = parentPath(program);
    while (!isWithin(path, directory)) directory = parentPath(directory);
    return directory.length;
  };
  // env(1) may have only a name
  return programs.filter((program) => program.startsWith('/')).toSorted((a, b) => shared(b) - shared(a))[0];
}

// A plan asks for the modules again whenever files are added.
const kept = new WeakMap<FileRoot, Map<Language['namesIn'], Map<BytePath, Set<string>>>>();

function namesKept(root: FileRoot, namesIn: Language['namesIn']): Map<BytePath, Set<string>> {
  const ofRoot = kept.get(root) ?? new Map<Language['namesIn'], Map<BytePath, Set<string>>>();
  kept.set(root, ofRoot);
  return remember(ofRoot, namesIn, () => new Map());
}

const MAX_DEPTH = 20;

/** Files below a directory whose name matches, except paths that `except` matches; links are not followed. */
export function filesBelow(
  root: FileRoot,
  directory: BytePath,
  name: RegExp,
  except: RegExp,
  depth = 0,
): readonly BytePath[] {
  if (depth > MAX_DEPTH) return [];
  return (root.list(directory) ?? []).flatMap((entry) => {
    const path = joinPath(directory, entry);
    if (except.test(path)) return [];
    const kind = root.lstat(path)?.kind;
    if (kind === 'directory') return filesBelow(root, path, name, except, depth + 1);
    return kind === 'file' && name.test(entry) ? [path] : [];
  });
}
