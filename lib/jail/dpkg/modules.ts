// Finds the modules that a script loads, for scripts of which no package says what they depend on.

import { type BytePath, bytePath, joinPath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Packages } from './database.ts';
import type { Executable } from './executable.ts';
import { listIfThere } from './read.ts';

interface Language {
  readonly interpreter: RegExp;
  /** The first group is the name of a module. */
  readonly statement: RegExp;
  /** Where packages put modules that are not the interpreter's own; `*` is any one directory. */
  readonly directories: readonly string[];
  /** What a module's file ends in. */
  readonly endings: readonly string[];
}

const LANGUAGES: readonly Language[] = [
  {
    interpreter: /^python3?(?:\.\d+)?$/,
    statement: /^[ \t]*(?:import|from)[ \t]+(\w+)/gm,
    directories: ['/usr/lib/python3/dist-packages'],
    endings: ['/__init__.py', '.py'],
  },
  {
    interpreter: /^perl(?:5.*)?$/,
    statement: /^[ \t]*(?:use|require)[ \t]+([A-Za-z_]\w*(?:::\w+)*)/gm,
    directories: ['/usr/share/perl5', '/usr/lib/*/perl5/*'],
    endings: ['.pm'],
  },
  {
    interpreter: /^ruby[\d.]*$/,
    statement: /^[ \t]*require[ \t(]+['"]([\w/-]+)['"]/gm,
    directories: ['/usr/lib/ruby/vendor_ruby', '/usr/lib/*/ruby/vendor_ruby/*'],
    endings: ['.rb', '.so'],
  },
];

/** Files of packages that the statements of a script in Python, Perl or Ruby load; what it computes is not found. */
export function modulesOf(root: FileRoot, packages: Packages, script: Executable): readonly BytePath[] {
  const interpreter = script.interpreters.at(-1);
  const language =
    interpreter && LANGUAGES.find((language) => language.interpreter.test(lastComponent(interpreter)));
  if (!language) return [];
  const directories = language.directories.flatMap((pattern) => expand(root, pattern));
  const modules = new Set([...script.text.matchAll(language.statement)].map(([, name]) => name ?? ''));
  return [...modules].flatMap((module) => {
    const name = module.replaceAll('::', '/');
    const files = directories.flatMap((directory) =>
      language.endings.map((ending) => joinPath(directory, (name + ending) as BytePath)),
    );
    return files.filter((file) => packages.owner(file) !== undefined).slice(0, 1);
  });
}

function expand(root: FileRoot, pattern: string): readonly BytePath[] {
  let found: readonly BytePath[] = [bytePath('/')];
  for (const part of pattern.split('/').filter((part) => part !== '') as BytePath[])
    found = found.flatMap((directory) =>
      (part === '*' ? listIfThere(root, directory) : [part]).map((name) => joinPath(directory, name)),
    );
  return found;
}
