// The remedy for a program that the jail does not have. Most often its path is only misspelt, or written as on the host.
import { isMarked } from '../../tree/by-reference.ts';
import {
  bytePath,
  type BytePath,
  joinPath,
  lastComponent,
  parentPath,
  placeInSrv,
  showPath,
  trimSlashes,
} from '../../tree/path.ts';
import { mergeCommands } from '../../tree/merged-usr.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable, walk } from '../../tree/walk.ts';
import { nearest } from '../../words/nearest.ts';
import { commandLine, shellWord } from '../../words/shell-word.ts';
import { lookOr } from '../../words/system-error.ts';
import { shells } from '../request/jail-shell.ts';
import type { JailView } from './jail-view.ts';

const binDirectories = [
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
] as readonly string[] as readonly BytePath[];

type Place = Pick<JailView, 'jail' | 'root' | 'host' | 'isUnsafe'> & Partial<Pick<JailView, 'binds'>>;

// The builder refuses a jail that others could replace: another one in a safe place takes its program.
function build(view: Place, ...words: readonly string[]): string {
  if (isMarked(view.root))
    return view.binds === undefined || view.binds.length > 0
      ? 'install it in /usr of the host, which this jail mounts'
      : 'this jail mounts the programs of the host, in isolated launches alone: give --untrusted (untrusted) or --isolate (isolate)';
  if (view.isUnsafe === true)
    return commandLine('uchroot-jail', 'build', placeInSrv(bytePath(view.jail)), ...words);
  const merging = view.host?.isMerged === true ? mergeCommands(view.jail, view.root) : undefined;
  const command = commandLine('uchroot-jail', 'build', bytePath(view.jail), ...words);
  return merging === undefined ? command : `${merging} && ${command}`;
}

/** The command that adds a program of the host to the jail. */
export const buildCommand = (view: Place, program: BytePath): string => build(view, program);

/** The remedy for a missing interpreter of the script that is started, which the host may not have either. */
export function interpreterHint(view: Place, interpreter: BytePath): string {
  const command = buildCommand(view, interpreter);
  return view.host?.hasInterpreter === false ? installFirst(command) : command;
}

/** Whether the host is known to lack the program too. */
export function lacksProgram({ host }: Pick<JailView, 'host'>): boolean {
  return host !== undefined && host.program === undefined;
}

function installFirst(command: string): string {
  return `the host does not have it either: install it there, then ${command}`;
}

/** The command that adds a file of the host to the jail. */
export const copyCommand = (view: Place, file: BytePath): string => build(view, '--copy', file);

/** A path of the jail as the host sees it, as a word of a shell. */
export function hostWord({ jail }: Pick<JailView, 'jail'>, path: string): string {
  return shellWord(bytePath(path === '/' ? jail : `${jail}${path}`));
}

/** The path in the jail of a path that was given as the host sees it, if the jail has it. */
export function pathInJail({ jail, root }: JailView, path: BytePath): BytePath | undefined {
  const inside = bytePath(jail);
  if (!path.startsWith(`${inside}/`)) return undefined;
  const own = path.slice(inside.length) as BytePath;
  return walk(root, own).kind === 'found' ? own : undefined;
}

/** The same for a path that begins with the name of the jail's directory: jail/bin/ls. */
export function pathBelow(
  { jail, root }: JailView,
  path: BytePath,
  kind: 'program' | 'directory' = 'program',
): BytePath | undefined {
  const name = lastComponent(trimSlashes(bytePath(jail)));
  if (!path.startsWith(`${name}/`)) return undefined;
  const own = path.slice(name.length) as BytePath;
  const isThere = kind === 'directory' ? walk(root, own).kind === 'found' : isExecutable(root, own);
  return isThere ? own : undefined;
}

// The first word of a program that was given together with its arguments, as `"/bin/ls -l"`.
function withoutArguments({ root }: JailView, path: BytePath): BytePath | undefined {
  const blank = path.indexOf(' ');
  const first = path.slice(0, Math.max(0, blank)) as BytePath;
  if (first === '' || (first.includes('/') && !first.startsWith('/'))) return undefined;
  return first.startsWith('/') ? (isExecutable(root, first) ? first : undefined) : elsewhere({ root }, first);
}

const list = (root: FileRoot, directory: BytePath): readonly BytePath[] =>
  lookOr(undefined, () => root.list(directory)) ?? [];

// A program of this name in one of the usual directories: execve does not search PATH (execve(2)).
function elsewhere({ root }: Pick<JailView, 'root'>, name: BytePath): BytePath | undefined {
  return binDirectories
    .map((directory) => joinPath(directory, name))
    .find((path) => isExecutable(root, path));
}

/** A program with a similar name in the same directory; for a name alone, in the usual ones. */
export function similar({ root }: Pick<JailView, 'root'>, path: BytePath): BytePath | undefined {
  const directories = path.startsWith('/') ? [parentPath(path)] : binDirectories;
  for (const directory of directories) {
    const names = list(root, directory).filter((name) => isExecutable(root, joinPath(directory, name)));
    const meant = nearest(lastComponent(path), names);
    if (meant !== undefined) return joinPath(directory, meant as BytePath);
  }
  return undefined;
}

/** A directory that is there, if a misspelt name is replaced by the nearest one. */
export function similarDirectory({ root }: Pick<JailView, 'root'>, path: BytePath): BytePath | undefined {
  let at = '/' as BytePath;
  for (const name of path.split('/').filter((each) => each !== '') as BytePath[]) {
    const isThere = walk(root, joinPath(at, name)).kind === 'found';
    const own = isThere ? name : nearest(name, list(root, at));
    if (own === undefined) return undefined;
    at = joinPath(at, own as BytePath);
  }
  return walk(root, at).kind === 'found' ? at : undefined;
}

// Commands of a shell itself (POSIX.1-2017, XCU 2.14, and cd, alias, command, umask, ulimit).
const builtins =
  'alias bg break cd command continue eval exec exit export fg jobs read return set shift source trap type ulimit umask unset wait';

/** Whether a shell performs a command of this name itself. */
export const isBuiltin = (name: string): boolean => builtins.split(' ').includes(name);

/** The shell of a jail. */
export function shellIn({ root }: Pick<JailView, 'root'>): BytePath | undefined {
  return shells.map((shell) => bytePath(shell)).find((path) => isExecutable(root, path));
}

// A shell of the jail; one is added first to a jail without a shell.
function shellOf(view: JailView): string {
  return shellIn(view) ?? `${buildCommand(view, bytePath('/bin/sh'))}, then /bin/sh`;
}

// Words that are no names of programs, but that a shell or another command would accept here.
function wordHint(view: JailView, path: BytePath): string | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(path)) {
    const [setting = '', ...command] = path.split(' ');
    const apart = command.length > 0 ? `, and the program is a word of its own: ${command.join(' ')}` : '';
    return `set a variable before USER: --setenv ${shellWord(setting)}${apart}`;
  }
  if (path.startsWith('[')) return 'only a Dockerfile has such lists: give the words alone, as in /bin/ls -l';
  if (/\s(?:[|&]|[0-9]?[<>]|\S*\$)|;(?:\s|$)/.test(path))
    return `only a shell knows such signs: ${shellOf(view)} -c ${shellWord(path)}`;
  if (/[*?]/.test(path)) return 'only a shell knows * and ?: give the whole name';
  const [variable] = /^(?:~|\$\w+|\$\{\w+\})(?=\/|$)/.exec(path) ?? [];
  if (variable !== undefined) return `only a shell knows ${variable}: give the path in the jail`;
  if (isBuiltin(path)) return `${path} is a command of a shell: ${shellOf(view)} -c '${path} ...'`;
  if (path.startsWith('-'))
    return `PROGRAM stands before its arguments: ${shellOf(view)} ${shellWord(path)} ...`;
  if (path === 'sudo' || path === 'su') return `leave ${path} out: USER is whom the program runs as`;
  return undefined;
}

// A jail in the directory that was given as one: it has the program.
function jailBelow({ root, jail }: JailView, program: BytePath): string | undefined {
  if (!/\/s?bin\//.test(program)) return undefined;
  const name = list(root, bytePath('/')).find(
    (each) => each !== 'usr' && isExecutable(root, `/${each}${program}` as BytePath),
  );
  return name && hostWord({ jail: jail.replace(/\/+$/, '') }, `/${showPath(name)}`);
}

/**
 * What to do about a program that the jail does not have.
 *
 * @param path as it was given
 * @param from the same, from / on
 */
export function programHint(view: JailView, path: BytePath, from: BytePath): string {
  const inside = pathInJail(view, from) ?? pathBelow(view, path);
  if (inside !== undefined) return `give the path in the jail: ${showPath(inside)}`;
  if (path.endsWith('/') && isExecutable(view.root, trimSlashes(from)))
    return `did you mean ${showPath(trimSlashes(path))}?`;
  const word = wordHint(view, path);
  if (word !== undefined) return word;
  const below = jailBelow(view, from);
  if (below !== undefined) return `did you mean the jail ${below}?`;
  const first = withoutArguments(view, path);
  if (first !== undefined) {
    const [, ...args] = path.split(' ').filter((word) => word !== '') as BytePath[];
    return `give the program and its arguments as words of their own: ${commandLine(first, ...args)}`;
  }
  const command = buildCommand(view, path.includes('/') ? from : path);
  if (isMarked(view.root)) return command;
  const there = elsewhere(view, lastComponent(path));
  const isPath = path.includes('/');
  if (there !== undefined && !(isPath && view.host?.program !== undefined))
    return `give the path in the jail: ${showPath(there)}`;
  const meant = view.host?.program === undefined ? similar(view, isPath ? from : path) : undefined;
  if (meant !== undefined) return `did you mean ${showPath(meant)}?`;
  if (lacksProgram(view)) return installFirst(command);
  const place = view.host?.program;
  const named = place === undefined ? '' : `, ${showPath(place)}`;
  if (!isPath) return `${command}   # then give its path in the jail${named}: PATH is not searched`;
  // a file of the working directory on the host
  return place === undefined || path.startsWith('/') || place === from
    ? command
    : `${buildCommand(view, place.replaceAll('/./', '/') as BytePath)}   # then give this path: PROGRAM is a path in the jail`;
}
