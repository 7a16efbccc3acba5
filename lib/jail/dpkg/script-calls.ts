// Finds the programs that a script calls by name, and the modules that it loads.

import { memoize } from '../../values/remember.ts';
import { type BytePath, joinPath, lastComponent, parentPath, toLatin1 } from '../../tree/path.ts';
import { expandPattern } from '../../binary/loader-conf.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable } from '../../tree/walk.ts';
import { wordSet } from '../../words/word-list.ts';
import type { Steps } from '../work/steps.ts';
import type { Package, Packages } from './database.ts';
import { isForSystem } from './dependencies.ts';
import { readIfThere } from './readable-files.ts';

// Before the name of a command: the start of a line, a list operator, a reserved word, or a command that runs another one
// (dash(1), "Shell Grammar").
const BEFORE = String.raw`^|[|&;(\`{!]|\b(?:then|do|else|elif|if|while|until|exec|command|eval|xargs|nohup|sudo|time)[ \t]`;
const COMMAND = new RegExp(
  String.raw`(?<=${BEFORE})[ \t]*(?:/(?:usr/)?s?bin/)?([A-Za-z0-9_][\w+.-]*)(?=[ \t\n;|&)\`"]|$)`,
  'gm',
);
// Assignments before a command: "TZ=UTC date".
const ASSIGNMENTS =
  /(^|[|&;(`{])[ \t]{0,100}(?:[A-Za-z_]\w{0,30}=[^\s;&|()`]{0,100}[ \t]{1,9}){1,4}(?=[A-Za-z0-9_/])/gm;
const MAX_SCRIPT_LENGTH = 1 << 20;

/** The commands that a shell script may run; words of a here-document are included by mistake. */
export function findCommands(script: string): ReadonlySet<string> {
  const written = script.slice(0, MAX_SCRIPT_LENGTH).replace(/^[ \t]*#.*$/gm, '');
  const text = written.replace(ASSIGNMENTS, '$1');
  return new Set(Array.from(text.matchAll(COMMAND), ([, name = '']) => name));
}

// The last component after the dot; the directory can be a command's output: "$(git --exec-path)/git-sh-setup".
const SOURCED = /(?:^|[;&|{ \t])(?:\.|source)[ \t]+(["']?)([^\n;&|]*?)([\w.+-]+)\1[ \t]*(?=$|[\n;&|)}])/gm;

/** The scripts that a script sources: `. /lib/lsb/init-functions`, or only the name for one that is found by PATH or $0. */
export function findSourced(script: string): ReadonlySet<BytePath> {
  const found = new Set<BytePath>();
  for (const line of script.slice(0, MAX_SCRIPT_LENGTH).split('\n')) {
    if (line.length > MAX_LINE_LENGTH) continue;
    for (const [, , directory = '', name = ''] of line.matchAll(SOURCED))
      found.add((/^\/[\w./+-]*$/.test(directory) ? directory + name : name) as BytePath);
  }
  return found;
}

const MAX_LINE_LENGTH = 1000;
const MAX_SOURCED = 50;

/** The commands of a shell script at `path`, and of the scripts that it sources by full path or from its own directory. */
export function commandsOf(root: FileRoot, path: BytePath, script: string): ReadonlySet<string> {
  const commands = new Set(findCommands(script));
  const seen = new Set<BytePath>();
  const queue = [...findSourced(script)];
  for (let name = queue.pop(); name !== undefined && seen.size < MAX_SOURCED; name = queue.pop()) {
    const file = joinPath(parentPath(path), name);
    if (seen.has(file)) continue;
    seen.add(file);
    const text = toLatin1(readIfThere(root, file, MAX_SCRIPT_LENGTH));
    for (const command of findCommands(text)) commands.add(command);
    queue.push(...findSourced(text));
  }
  return commands;
}

/** True for sh(1) by one of its names. */
export const isShell = (path: BytePath): boolean => /^(?:ba|da|k|mk|z|a)?sh$/.test(lastComponent(path));

const MODULE = /\.(?:py|p[lm]|rb)$/;
const MOST_MODULES = 2000;
const MAX_BYTES = 1 << 17;

// A quoted command with an option or another argument, 'mkdir -p %s'; the command after a pipe,
// "$m4 --help | grep reload-state"; and the first item of a list, ['chmod', mode].
const CALLS: readonly RegExp[] = [
  /["'`]([a-z][a-z0-9]{1,11}) +(?:-[A-Za-z]|[%$#{]|["'])/g,
  /[^|]\|[ \t]*([a-z][a-z0-9]{1,11}) +[-a-z]/g,
  /[[(][ \n]*["']([a-z][a-z0-9]{1,11})["'][ \n]*,/g,
];

// A variable with the name of the command that it holds: grep=grep, and the default in ${GREP:-grep} or ${GREP-'grep'}.
const ASSIGNED = /\b([A-Za-z]\w{1,11})(?:=|:?-)["'\\]*(\1)(?=[ \t\n;"'\\}])/gi;

/** The commands that variables of a shell script hold. */
export function assignedIn(script: string): ReadonlySet<string> {
  return new Set(
    Array.from(script.slice(0, MAX_SCRIPT_LENGTH).matchAll(ASSIGNED), ([, , name = '']) => name),
  );
}

/** The names that a text in Python, Perl or Ruby contains in the place of a command. */
const callsIn = (text: string): ReadonlySet<string> => namesIn(text, CALLS);

function namesIn(text: string, patterns: readonly RegExp[]): ReadonlySet<string> {
  return new Set(patterns.flatMap((pattern) => Array.from(text.matchAll(pattern), ([, name = '']) => name)));
}

// subprocess.run(['git', 'log']), shutil.which("git"), system('git', 'log'), open3("git log"), qw(xz -d); $diff_cmd = "diff"
const STARTED: readonly RegExp[] = [
  /\b(?:run|call|check_call|check_output|getoutput|Popen|popen|system|spawn\w*|exec[lv]?p?e?|which|find_executable|open[23])\([ \n]{0,40}[[(]?[ \n]{0,40}[rfb]?["']([a-z][\w+-]+)[ "']/g,
  /\bqw[({[/] {0,40}([a-z][\w+-]+) +-[A-Za-z-]/g,
  /[_a-z](?:cmd|command|prog)["'\]]{0,2} {0,40}= {0,40}["']([a-z][\w+-]+)["']/gi,
];

/** The programs that functions of Python, Perl or Ruby start or look up, or variables of commands hold. */
export const startedIn = (text: string): ReadonlySet<string> => namesIn(text, STARTED);

export interface Calls {
  /**
   * Names in the place of a command, and the programs that the script itself starts. Words of other texts are included by
   * mistake.
   */
  readonly called: ReadonlySet<string>;
  /** The programs that functions start or look up, or variables of commands hold. */
  readonly started: ReadonlySet<string>;
}

/** The calls of a script in Python, Perl or Ruby, and of all modules among some files. */
export function* callsOf(root: FileRoot, script: string, files: readonly BytePath[]): Steps<Calls> {
  const started = new Set(startedIn(script));
  const called = new Set([...callsIn(script), ...started]);
  for (const path of files.filter((file) => MODULE.test(file)).slice(0, MOST_MODULES)) {
    const text = toLatin1(readIfThere(root, path, MAX_BYTES));
    for (const name of callsIn(text)) called.add(name);
    for (const name of startedIn(text)) started.add(name);
    yield;
  }
  return { called, started };
}

const PATH = '/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin'.split(' ');

// Builtins of the shell (dash(1), "Builtins"; bash(1)): a script does not run the program of that name.
const BUILTINS = wordSet(`
  alias bg bind break builtin caller case cd chdir command compgen complete continue declare dirs disown echo
  enable eval exec exit export false fc fg for getopts hash help history if jobs kill let local logout mapfile
  popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test then time
  times trap true type typeset ulimit umask unalias unset until wait while
`);

export function openCommands(
  root: FileRoot,
  packages: Packages,
  programs: (pkg: Package) => readonly BytePath[],
) {
  let base: ReadonlyMap<string, BytePath> | undefined;
  return {
    /** Looks a name up in the PATH of root. */
    inPath: memoize((name: string) => {
      if (BUILTINS.has(name) || name.includes('/')) return undefined;
      const paths = PATH.map((directory) => `${directory}/${name}` as BytePath);
      return paths.find((path) => isExecutable(root, path));
    }),
    /** A program of an Essential package, which no package declares in Depends. */
    inBase: (name: string): BytePath | undefined => {
      base ??= basePrograms(packages, programs);
      return BUILTINS.has(name) ? undefined : base.get(name);
    },
  };
}

// Essential packages, and awk: a package can use these without declaring it (Debian policy 3.8).
function basePrograms(
  packages: Packages,
  programs: (pkg: Package) => readonly BytePath[],
): ReadonlyMap<string, BytePath> {
  const awk = packages.satisfy(['awk']);
  return new Map(
    packages.all
      .filter((pkg) => (pkg.essential || pkg === awk) && !isForSystem(pkg))
      .flatMap((pkg) => programs(pkg).map((path) => [lastComponent(path), path] as const)),
  );
}

interface Language {
  readonly interpreter: RegExp;
  /** The suffix of a file that the interpreter is started with. */
  readonly suffix: RegExp;
  /** The names of modules in a text. */
  readonly namesIn: (text: string) => readonly string[];
  /** The directories for modules of packages; `*` stands for any one directory. */
  readonly directories: readonly BytePath[];
  readonly endings: readonly string[];
}

function namesBy(statement: RegExp): Language['namesIn'] {
  return (text) => Array.from(text.matchAll(statement), ([, name = '']) => name.replaceAll('::', '/'));
}

const PERL = namesBy(/^[ \t]*(?:use|require)[ \t]+([A-Za-z_]\w*(?:::\w+)*)/gm);

/** The drivers of databases that a script in Perl names in a data source: `dbi:SQLite:dbname=x` (DBI(3pm)). */
export function driversIn(text: string): readonly string[] {
  return Array.from(
    text.matchAll(/["'({]dbi:(\w+)(?:\([^()\n]{0,200}\))?:/gi),
    ([, name = '']) => `DBD::${name}`,
  );
}

const LANGUAGES: readonly Language[] = [
  {
    interpreter: /^python3?(?:\.\d+)?$/,
    suffix: /\.(?:py|wsgi)$/,
    namesIn: namesBy(/^[ \t]*(?:import|from)[ \t]+(\w+)/gm),
    directories: ['/usr/lib/python3/dist-packages' as BytePath],
    endings: ['/__init__.py', '.py'],
  },
  {
    interpreter: /^perl(?:5.*)?$/,
    suffix: /\.(?:p[lm]|psgi|cgi)$/,
    namesIn: (text) => [...PERL(text), ...driversIn(text).map((name) => name.replace('::', '/'))],
    directories: ['/usr/share/perl5', '/usr/lib/*/perl5/*'] as BytePath[],
    endings: ['.pm'],
  },
  {
    interpreter: /^ruby[\d.]*$/,
    suffix: /\.(?:rb|ru)$/,
    namesIn: namesBy(/^[ \t]*require[ \t(]+['"]([\w/-]+)['"]/gm),
    // gems of Debian are in directories of their own (gem2deb)
    directories: [
      '/usr/lib/ruby/vendor_ruby',
      '/usr/lib/*/ruby/vendor_ruby/*',
      '/usr/share/rubygems-integration/*/gems/*/lib',
      '/usr/lib/*/rubygems-integration/*/gems/*/lib',
    ] as BytePath[],
    endings: ['.rb', '.so'],
  },
];

// PATH_MAX is 4096 bytes (path_resolution(7)), and a name is a part of a path.
const MAX_NAME_LENGTH = 1000;

/** Whether a file can have this name. A copied file can be anything, so it may only look like a statement. */
export function isPossibleName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && !name.includes('\0');
}

/** Whether a file belongs to an installed module or package, which comes along when something names it. */
export function isInstalled(path: BytePath): boolean {
  return /\/(?:(?:site|dist)-packages|node_modules|gems|\.git)\//.test(path);
}

/** Whether a file is a script by its suffix, and one of the programs is an interpreter for it. */
export function isScriptFor(path: BytePath, programs: readonly BytePath[]): boolean {
  const language = LANGUAGES.find(({ suffix }) => suffix.test(path));
  if (language === undefined || isInstalled(path)) return false;
  return programs.some((program) => language.interpreter.test(lastComponent(program)));
}

export interface Script {
  readonly path: BytePath;
  /** Empty for a script without `#!`. */
  readonly interpreters: readonly BytePath[];
  readonly text: string;
}

/**
 * The files of packages that a script in Python, Perl or Ruby loads; computed names are not found. A script without `#!` is known
 * by its suffix.
 */
export function modulesOf(
  root: FileRoot,
  packages: Packages,
  { path, interpreters, text }: Script,
): readonly BytePath[] {
  const interpreter = interpreters.at(-1);
  const language = LANGUAGES.find(({ suffix, ...other }) =>
    interpreter === undefined ? suffix.test(path) : other.interpreter.test(lastComponent(interpreter)),
  );
  if (!language) return [];
  const directories = language.directories.flatMap((pattern) => expandPattern(root, pattern, Infinity));
  return [...new Set(language.namesIn(text).filter(isPossibleName))].flatMap((name) => {
    const files = directories.flatMap((directory) =>
      language.endings.map((ending) => joinPath(directory, (name + ending) as BytePath)),
    );
    return files.filter((file) => packages.owner(file) !== undefined).slice(0, 1);
  });
}
