// Checks a caller's request to the builder, and makes a recipe of it.

import { bytePath, type BytePath, isWithin, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { UsageError } from '../../errors.ts';
import { checkKeys, checkSignal } from '../../values/keys.ts';
import { flag } from '../../values/validators.ts';
import { wrong } from '../../values/wrong.ts';
import { type Bytes, quote, toBuffer } from '../../words/quote.ts';
import { absolute, resolved, withoutDots } from '../host/given-path.ts';
import {
  EMPTY_RECIPE,
  isDestination,
  type LearnedFiles,
  mergeRecipes,
  type Recipe,
  recipeFromJson,
} from '../manifest/recipe.ts';
import { packOf } from '../packs/index.ts';
import type { Progress } from '../work/steps.ts';
import { findProgram } from './named-on-host.ts';

/** Options of every operation on a jail. */
export interface JailWork {
  /** The jail on the host, existing or new; a relative path begins at the working directory. */
  readonly directory: Bytes;
  /** Aborts the work; the jail is then unchanged. Once a new jail or its change is in place, only its trial ends, with a warning. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface JailRequest extends JailWork {
  /** Programs of the host: paths, or names that are looked up in `path`. */
  readonly programs?: readonly Bytes[] | undefined;
  /** Installed Debian packages. */
  readonly packages?: readonly string[] | undefined;
  /** Packs to add although no sign asks for them, and packs to leave out. */
  readonly packs?: readonly string[] | undefined;
  readonly withoutPacks?: readonly string[] | undefined;
  /** Absolute paths of the jail to leave out, with everything below them; a path that would not be in the jail is an error. */
  readonly without?: readonly Bytes[] | undefined;
  /** Commands to run on a scratch copy of the host, to see which files they open; split as a shell splits words. */
  readonly learn?: readonly string[] | undefined;
  /** Files or directories of the host, with their path in the jail if it is another one. */
  readonly copies?: readonly (Bytes | { readonly from: Bytes; readonly to: Bytes })[] | undefined;
  /** Accounts of the host that the jail is for. */
  readonly users?: readonly string[] | undefined;
  /** Programs that keep set-user-ID, set-group-ID and file capabilities. */
  readonly keepPrivileges?: readonly Bytes[] | undefined;
  /**
   * Paths of the jail, with everything below them, that are made as planned even if a user of the jail can write there or
   * they were changed in the jail.
   */
  readonly replace?: readonly Bytes[] | undefined;
  /** The root directory of another system, from which all files are taken instead of the host. */
  readonly from?: Bytes | undefined;
  /** A recipe, or the manifest of a jail that contains one, as JSON.parse returns it. */
  readonly recipe?: unknown;
  /** True: nothing is changed, and the report says what would change. */
  readonly plan?: boolean | undefined;
  /** The directories in which names are looked up, separated by colons; by default PATH of the environment. */
  readonly path?: string | undefined;
}

// Names must be strings; paths may be bytes.
const LISTS = {
  programs: checkBytes,
  packages: checkText,
  packs: checkText,
  withoutPacks: checkText,
  without: checkBytes,
  learn: checkText,
  copies: checkCopy,
  users: checkText,
  keepPrivileges: checkBytes,
} as const;

const LIST_KEYS = Object.keys(LISTS) as (keyof typeof LISTS)[];

const KEYS = [
  ...(['directory', 'signal', 'onProgress'] as const),
  ...LIST_KEYS,
  ...(['replace', 'from', 'recipe', 'plan', 'path'] as const),
] satisfies readonly (keyof JailRequest)[];

/** @throws UsageError for an unknown key or an invalid value. */
export function checkRequest(request: JailRequest): void {
  checkWork(request, KEYS);
  for (const key of LIST_KEYS) checkList(request[key], key, LISTS[key]);
  for (const name of [...(request.packs ?? []), ...(request.withoutPacks ?? [])]) packOf(name);
  if (request.from !== undefined) checkBytes(request.from, 'from');
  if (request.path !== undefined) checkText(request.path, 'path');
  toReplace(request);
  checkFlag(request.plan, 'plan');
  const asksFor = LIST_KEYS.some((key) => (request[key]?.length ?? 0) > 0);
  if (!asksFor && request.recipe === undefined)
    throw new UsageError('no program, package, pack or file is named', {
      hint: 'name a program of the host, such as /bin/sh',
    });
}

/** @throws UsageError unless it is undefined or a list of items that `checkItem` accepts */
export function checkList(
  list: unknown,
  what: string,
  checkItem: (item: unknown, what: string) => void,
): void {
  if (list === undefined) return;
  if (!Array.isArray(list)) throw wrong({ key: what, value: list, expected: 'an array', example: [] });
  for (const [i, item] of list.entries()) checkItem(item, `${what}[${i}]`);
}

/** Checks the options of every operation; `known` are all keys of the request. @throws UsageError */
export function checkWork(request: JailWork, known: readonly string[]): void {
  checkKeys(request, new Set(known));
  checkBytes(request.directory, 'directory');
  checkSignal(request.signal);
  const { onProgress }: { readonly onProgress?: unknown } = request;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new UsageError('onProgress must be a function', {
      hint: 'write onProgress: (progress) => console.error(progress)',
    });
}

function checkCopy(item: unknown): void {
  if (typeof item !== 'object' || item === null || item instanceof Uint8Array)
    return checkBytes(item, 'copies');
  const { from, to, ...others } = item as { readonly from?: unknown; readonly to?: unknown };
  for (const key of Object.keys(others))
    throw new UsageError(`copies: unknown key '${quote(key)}'`, {
      hint: "write {from: '/etc/ssl', to: '/etc/ssl'}",
    });
  checkBytes(from, 'copies');
  checkBytes(to, 'copies');
  toJailPath(to, 'copies', 'path of the jail where a copy can be');
}

function checkText(value: unknown, what: string): void {
  if (typeof value !== 'string') throw wrong({ key: what, value, expected: 'a string', example: 'NAME' });
  checkBytes(value, what);
}

/** A path of the jail, without empty components and `.`. @throws UsageError: it is no `words` */
function toJailPath(value: unknown, what: string, words: string): BytePath {
  checkBytes(value, what);
  const path = bytePath(value);
  const plain = withoutDots(path);
  if (path.startsWith('/') && isDestination(plain)) return plain;
  throw new UsageError(`${what}: ${showPath(path)} is no ${words}`, {
    hint: path.startsWith('/') ? undefined : `write ${showPath(bytePath(`/${path}`))}`,
  });
}

/** The paths to replace. @throws UsageError for an invalid list. */
export function toReplace({ replace = [] }: { readonly replace?: unknown }): readonly BytePath[] {
  const paths: BytePath[] = [];
  checkList(replace, 'replace', (path) =>
    paths.push(toJailPath(path, 'replace', 'absolute path of the jail')),
  );
  return paths;
}

/** The paths of `keep`. @throws UsageError for an invalid list, and for one that `replace` names too. */
export function toKeep(
  { keep = [] }: { readonly keep?: unknown },
  replace: readonly BytePath[],
): readonly BytePath[] {
  const paths: BytePath[] = [];
  checkList(keep, 'keep', (path) => paths.push(toJailPath(path, 'keep', 'absolute path of the jail')));
  const both = paths.find((path) => replace.some((other) => isWithin(path, other) || isWithin(other, path)));
  if (both === undefined) return paths;
  throw new UsageError(`${showPath(both)} is to be kept and to be replaced`, {
    hint: 'give one of both: keep leaves it as it is in the jail, replace makes it as on the host',
  });
}

/** @throws UsageError unless it is a boolean or undefined. */
export const checkFlag: (value: boolean | undefined, what: string) => void = flag;

/** @throws UsageError unless it is a path that a system call accepts. */
export function checkBytes(value: unknown, what: string): asserts value is Bytes {
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw wrong({
      key: what,
      value,
      expected: 'a string or a Uint8Array',
      example: what === 'path' ? '/bin/sh' : '/srv/jail',
    });
  if (value.length === 0)
    throw new UsageError(`${what}: a path or name is empty`, {
      hint: `${what === 'directory' ? 'name a directory, such as /srv/jail' : 'leave it out'}; is a variable of the shell empty?`,
    });
  if (toBuffer(value).includes(0)) throw new UsageError(`${quote(value)} contains a NUL byte`);
}

/** The recipe of a request, for files of `root`. @throws UsageError for a program or file that does not exist. */
export function toRecipe(
  request: JailRequest,
  { root, isForeign }: { readonly root: FileRoot; readonly isForeign: boolean },
  learned: readonly LearnedFiles[],
): Recipe {
  const { programs, packages = [], packs = [], withoutPacks = [], copies = [], users = [], from } = request;
  const asked: Recipe = {
    programs: (programs ?? []).map((program) => findProgram(root, program, request.path, isForeign)),
    packages,
    packs,
    withoutPacks,
    without: (request.without ?? []).map(toLeftOut),
    copies: copies.map((copy) => toCopy(root, copy, isForeign)),
    learned,
    users,
    keepPrivileges: (request.keepPrivileges ?? []).map((path) =>
      resolved(root, absolute(path, isForeign), 'program'),
    ),
    ...(from !== undefined && { from: absolute(from) }),
  };
  // merging also removes duplicates
  return mergeRecipes(request.recipe === undefined ? EMPTY_RECIPE : toGivenRecipe(request.recipe), asked);
}

/** The given recipe, alone or in a manifest. */
export function toGivenRecipe(value: unknown): Recipe {
  const holder = value as { readonly recipe?: unknown } | null | undefined;
  const recipe = typeof holder === 'object' && holder?.recipe !== undefined ? holder.recipe : value;
  return { ...EMPTY_RECIPE, ...recipeFromJson(recipe, 'the recipe') };
}

function toCopy(
  root: FileRoot,
  copy: Bytes | { readonly from: Bytes; readonly to: Bytes },
  isForeign: boolean,
): { readonly from: BytePath; readonly to: BytePath } {
  const isPair = typeof copy === 'object' && !(copy instanceof Uint8Array);
  const named = absolute(isPair ? copy.from : copy, isForeign);
  const real = resolved(root, named, 'copy');
  if (real === '/' && !isForeign)
    throw new UsageError('copy /: it is the whole system', { hint: 'name what is needed, such as /etc/ssl' });
  // a path with `..` is not a valid destination in the jail
  const from = isPair || isDestination(named) ? named : real;
  return { from, to: isPair ? withoutDots(bytePath(copy.to)) : from };
}

function toLeftOut(path: Bytes): BytePath {
  const words = 'absolute path of something in the jail';
  const plain = toJailPath(path, 'without', words);
  if (plain !== '/') return plain;
  throw new UsageError(`without: ${showPath(bytePath(path))} is no ${words}`, {
    hint: 'name what lies below it, such as /usr/share/locale',
  });
}
