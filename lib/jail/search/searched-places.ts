// Lists the places where programs, their loaders and interpreters, and daemons look for code. Pure.

import type { Elf } from '../../binary/elf.ts';
import { splitSearchPath } from '../../binary/loader.ts';
import { type BytePath, joinPath, parentPath } from '../../tree/path.ts';
import type { Script } from '../../binary/shebang.ts';

export interface Searched {
  /** As the jail sees it; a relative path depends on the working directory. */
  readonly path: BytePath;
  /** Where it is named: `its RUNPATH`. */
  readonly by: string;
}

// Possible values of the tokens: the build of the loader decides which it uses (ld.so(8), "Dynamic string tokens").
const LIBS = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu'];
const PLATFORMS = ['x86_64', 'haswell', 'xeon_phi', 'aarch64'];

// The loader searches these subdirectories of a directory first (ld.so(8), --glibc-hwcaps-prepend).
const LEVELS = ['glibc-hwcaps/x86-64-v4', 'glibc-hwcaps/x86-64-v3', 'glibc-hwcaps/x86-64-v2'];

/** For the file at `path`, links resolved. A generator, because a hostile file can name more places than fit into memory. */
export function* searchedByElf(elf: Elf, path: BytePath): Generator<Searched> {
  const { interpreter, needed, auditors } = elf;
  if (interpreter !== undefined) yield { path: interpreter, by: 'its loader (PT_INTERP)' };
  // a name without a slash is searched in the library directories
  for (const { name } of needed) if (name.includes('/')) yield { path: name, by: 'its DT_NEEDED' };
  for (const names of auditors)
    for (const name of names.split(':') as BytePath[])
      if (name.includes('/')) yield { path: name, by: 'its DT_AUDIT' };
  yield* ownDirectories(elf, path);
}

function* ownDirectories({ runpath, rpath, needed }: Elf, file: BytePath): Generator<Searched> {
  // a loader ignores RPATH if there is a RUNPATH
  const text = runpath ?? rpath;
  if (text === undefined) return;
  const by = runpath === undefined ? 'its RPATH' : 'its RUNPATH';
  const { directories, relative } = expanded(text, parentPath(file));
  const names = needed.map(({ name }) => name).filter((name) => !name.includes('/'));
  for (const path of relative) yield { path, by };
  for (const directory of directories) {
    // the directory itself too: dlopen(3) also searches it
    yield { path: directory, by };
    for (const name of [...LEVELS, ...names]) yield { path: joinPath(directory, name as BytePath), by };
  }
}

function expanded(text: BytePath, origin: BytePath): ReturnType<typeof splitSearchPath> {
  const libs = text.includes('LIB') ? LIBS : LIBS.slice(0, 1);
  const platforms = text.includes('PLATFORM') ? PLATFORMS : PLATFORMS.slice(0, 1);
  const all = libs.flatMap((LIB) =>
    platforms.map((PLATFORM) => splitSearchPath(text, { ORIGIN: origin, LIB, PLATFORM })),
  );
  return {
    directories: [...new Set(all.flatMap(({ directories }) => directories))],
    relative: all[0]?.relative ?? [],
  };
}

// An absolute path alone, after an option, in the value of a variable, or after another path: `-I/a`, `PYTHONPATH=/a:/b`.
const PATHS = /(?:^|[\s=:,"']|(?<=(?:^|\s)-[A-Za-z]+))(\/[^\s:,="']*)/g;

/** The interpreter, and the paths in its argument: modules, another script, the command of env(1). */
export function* searchedByScript({
  interpreter,
  argument = '' as BytePath,
}: Extract<Script, { readonly kind: 'script' }>): Generator<Searched> {
  yield { path: interpreter, by: 'its #! line' };
  for (const [, path] of argument.matchAll(PATHS))
    if (path !== undefined) yield { path: path as BytePath, by: 'the argument of its #! line' };
}

// Variables with paths of code (environ(7), ld.so(8), python(1), perlrun(1), ruby(1), node(1)).
const VARIABLES =
  'PATH|LD_(?:LIBRARY_PATH|PRELOAD|AUDIT)|PYTHON(?:PATH|HOME|STARTUP)|PERL5(?:LIB|DB)|PERLLIB|RUBYLIB|NODE_PATH|BASH_ENV|ENV';

interface Format {
  /** Matches the path of the file. */
  readonly file: RegExp;
  readonly by: string;
  /** Group 1 is the place that a line names; without it, the line names none. */
  readonly line: RegExp;
  /** Separates several places on one line. */
  readonly separator?: RegExp;
  /** Relative names count too, from the directory of the file. */
  readonly isRelative?: true;
}

const FORMATS: readonly Format[] = [
  // a line that begins with import is code, which the rule writable-code checks (site module of Python)
  {
    file: /\/(?:site|dist)-packages\/[^/]+\.pth$/,
    by: 'a line of it, which Python adds to sys.path,',
    line: /^(?!#|import[ \t])(.+)$/,
    isRelative: true,
  },
  {
    file: /\/pyvenv\.cfg$/,
    by: 'its "home", where Python looks for its modules,',
    line: /^\s*home\s*=\s*(.+)$/,
  },
  { file: /^\/etc\/ld\.so\.preload$/, by: 'it', line: /^([^#]+)/, separator: /[\s:]+/ },
  // the path of a module or of another file of rules, or the command of pam_exec(8)
  {
    file: /^\/etc\/pam\.(?:d\/[^/]+|conf)$/,
    by: 'a line of it',
    line: /^\s*(?:@include|(?:[\w.-]+\s+)?-?[a-z]+\s+(?:\[[^\]]*\]|[a-z]+)(?:\s+(?:\/\S*\/)?pam_exec\.so(?:\s+[^/\s]\S*)*)?)\s+(\/\S+)/,
  },
  {
    file: /\/gconv-modules(?:\.d\/[^/]+\.conf)?$/,
    by: 'a module line of it',
    line: /^\s*module\s+\S+\s+\S+\s+(\/\S+)/,
  },
  {
    file: /^\/etc\/(?:environment|profile|bash\.bashrc|profile\.d\/[^/]+)$/,
    by: 'a variable that it sets',
    line: new RegExp(`^\\s*(?:export\\s+)?(?:${VARIABLES})=["']?([^"'\\s;]+)`),
    separator: /:/,
  },
  {
    file: /^\/etc\/php\/.*\.ini$/,
    by: 'a line of it',
    line: /^\s*(?:(?:zend_)?extension|extension_dir|include_path|auto_(?:prepend|append)_file)\s*=\s*"?([^";]+)/,
    separator: /:/,
  },
  {
    file: /\/openssl[^/]*\.cnf$/,
    by: 'a line of it',
    line: /^\s*(?:dynamic_path|module)\s*=\s*(\S+)/,
  },
  {
    file: /^\/etc\/(?:apache2|httpd)\//,
    by: 'a line of it',
    line: /^\s*(?:Load(?:Module\s+\S+|File)|Include(?:Optional)?)\s+"?([^"\s]+)/i,
  },
  {
    file: /^\/etc\/nginx\//,
    by: 'a line of it',
    line: /^\s*(?:load_module|include)\s+["']?([^"';\s]+)/,
  },
  {
    file: /^\/etc\/(?:redis|valkey)[^/]*(?:\/.*)?$/,
    by: 'a line of it',
    line: /^\s*(?:loadmodule|include)\s+"?([^"\s]+)/i,
  },
];

// A quick test for every file of a jail: most are none of these formats.
function canBeText(path: BytePath): boolean {
  return (
    path.startsWith('/etc/') || /(?:\.pth|\/pyvenv\.cfg|\.cnf|\/gconv-modules(?:\.d\/[^/]+)?)$/.test(path)
  );
}

/** Whether the path is that of a file that names such places. */
export function isSearchText(path: BytePath): boolean {
  return canBeText(path) && FORMATS.some(({ file }) => file.test(path));
}

/** The places that the text of the file at `path` names. */
export function* searchedByText(text: BytePath, path: BytePath): Generator<Searched> {
  const format = FORMATS.find(({ file }) => file.test(path));
  if (format === undefined) return;
  // Python also ends a line at a CR (open(), universal newlines); for the other programs a CR is a blank
  for (const line of text.split(/\r\n?|\n/)) {
    const named = format.line.exec(line)?.[1]?.trim() ?? '';
    const names = (format.separator === undefined ? [named] : named.split(format.separator)) as BytePath[];
    for (const name of names)
      if (name.startsWith('/') || (format.isRelative === true && name !== ''))
        yield { path: joinPath(parentPath(path), name), by: format.by };
  }
}
