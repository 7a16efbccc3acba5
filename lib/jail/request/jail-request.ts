// Checks a caller's request to the builder, and makes a recipe of it.

import { bytePath, type BytePath, isWithin, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { UsageError } from '../../errors.ts';
import { checkKeys, checkSignal } from '../../values/keys.ts';
import { expecting, flag, list, optional, path, text, type Validator } from '../../values/validators.ts';
import { usageError } from '../../values/wrong.ts';
import { type Bytes, toBuffer } from '../../words/quote.ts';
import { absolute, resolved, withoutDots } from '../host/given-path.ts';
import type { ImageOrigin } from '../manifest/image-origin.ts';
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
  /**
   * The file or directory of an image, perhaps with `:TAG`: the jail gets its files. An OCI image layout as a directory or a tar archive, an archive of
   * `docker save`, or a tar archive of a root directory. With it, nothing of the host is asked for.
   */
  readonly image?: Bytes | undefined;
  /** A recipe, or the manifest of a jail that contains one, as JSON.parse returns it. */
  readonly recipe?: unknown;
  /** True: nothing is changed, and the report says what would change. */
  readonly plan?: boolean | undefined;
  /** The directories in which names are looked up, separated by colons; by default PATH of the environment. */
  readonly path?: string | undefined;
}

/** Whether it is a string, or bytes, that a system call accepts. */
function isBytes(value: unknown): value is Bytes {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return false;
  return value.length > 0 && !toBuffer(value).includes(0);
}

/** A path of the jail; the normal form has no empty components and no `.`. */
export const inJail = (
  example: string,
  expected = 'an absolute path of the jail',
  isRight: (path: BytePath) => boolean = isDestination,
): Validator<Bytes, BytePath> =>
  expecting(expected, example, (value) => {
    const given = isBytes(value) ? bytePath(value) : '';
    const plain = withoutDots(given as BytePath);
    return given.startsWith('/') && isRight(plain) ? plain : undefined;
  });

const toDest = inJail('/etc/ssl', 'a path of the jail where a copy can be');
const toLeftOut = inJail(
  '/usr/share/locale',
  'an absolute path of something in the jail',
  (path) => path !== '/' && isDestination(path),
);

const copy = expecting<NonNullable<JailRequest['copies']>[number]>(
  'a path, or one with its path in the jail',
  '/etc/ssl',
  (value) => {
    if (isBytes(value)) return value;
    if (typeof value !== 'object' || value === null) return undefined;
    const { from, to, ...others } = value as Readonly<Record<string, unknown>>;
    if (!isBytes(from) || Object.keys(others).length > 0) return undefined;
    return { from, to: toDest(to as Bytes, 'copies') };
  },
);

const name = (example: string) => text('a name', example, /^[^\0]+$/s);
const lists = <Given, Normal>(validator: Validator<Given, Normal>, example: unknown) =>
  optional(list(validator, [example]), []);

const ROWS = {
  programs: lists(path('/bin/sh'), '/bin/sh'),
  packages: lists(name('nginx'), 'nginx'),
  packs: lists(name('tls'), 'tls'),
  withoutPacks: lists(name('tls'), 'tls'),
  without: lists(toLeftOut, '/usr/share/locale'),
  learn: lists(text('a command', 'nginx -t', /^[^\0]+$/s), 'nginx -t'),
  copies: lists(copy, '/etc/ssl'),
  users: lists(name('nobody'), 'nobody'),
  keepPrivileges: lists(path('/usr/bin/sudo'), '/usr/bin/sudo'),
  replace: lists(inJail('/etc/hosts'), '/etc/hosts'),
  keep: lists(inJail('/etc/hosts'), '/etc/hosts'),
  directory: path('/srv/jail'),
  template: path('/srv/template'),
  from: optional(path('/srv/debian')),
  image: optional(path('/srv/python.tar')),
  path: optional(text('directories with colons between them', '/usr/bin:/bin', /^[^\0]+$/s)),
  plan: flag,
  fix: flag,
  sync: flag,
  signal: checkSignal,
  onProgress: optional(
    expecting('a function', undefined, (value) => (typeof value === 'function' ? value : undefined)),
  ),
} as const;

/** Checks the keys of a request by their rows; `others` are known as well. @throws UsageError */
export function checkRows(
  request: object,
  keys: readonly (keyof typeof ROWS)[],
  others: readonly string[] = [],
): void {
  checkKeys(request, new Set([...keys, ...others]));
  for (const key of keys) {
    const check: (value: never, key: string) => unknown = ROWS[key];
    check(request[key as keyof typeof request], key);
  }
}

/** The keys of every operation. */
export const WORK = ['directory', 'signal', 'onProgress'] as const satisfies readonly (keyof JailWork)[];

const ASKED = [
  ...(['programs', 'packages', 'packs', 'withoutPacks', 'without', 'learn', 'copies'] as const),
  ...(['users', 'keepPrivileges'] as const),
];

/** @throws UsageError for an unknown key or an invalid value. */
export function checkRequest(request: JailRequest): void {
  checkRows(request, [...WORK, ...ASKED, 'replace', 'from', 'image', 'plan', 'path'], ['recipe']);
  for (const name of [...(request.packs ?? []), ...(request.withoutPacks ?? [])]) packOf(name);
  if (request.image !== undefined) return refuseBesidesImage(request);
  const asksFor = ASKED.some((key) => (request[key]?.length ?? 0) > 0);
  if (!asksFor && request.recipe === undefined)
    throw new UsageError('no program, package, pack or file is named', {
      hint: 'name a program of the host, such as /bin/sh',
    });
}

function refuseBesidesImage(request: JailRequest): void {
  const ofHost = [...ASKED.filter((key) => !withImage.has(key)), 'from', 'recipe'] as const;
  const other = ofHost.find((key) => !isEmpty(request[key]));
  if (other !== undefined)
    throw usageError(({ name: called }) => ({
      message: `${called('image')} and ${called(other)} are given at once: a jail has the files of an image or those of the host`,
      hint: 'leave one of both out, or build two jails',
    }));
}

const withImage: ReadonlySet<string> = new Set(['without', 'users', 'keepPrivileges']);
const isEmpty = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 0);

/** The recipe of an image for a request, after that of the jail before. @throws UsageError if the jail has files of the host */
export function toImageRecipe(
  { without, users = [], keepPrivileges = [] }: Pick<JailRequest, 'without' | 'users' | 'keepPrivileges'>,
  image: ImageOrigin,
  before: Recipe | undefined,
): Recipe {
  if (before !== undefined && before.image === undefined)
    throw new UsageError('the jail has files of the host, and an image would replace them', {
      hint: 'name a new directory',
    });
  const privileged = keepPrivileges.map((path) => withoutDots(absolute(path, true)));
  const asked = {
    ...EMPTY_RECIPE,
    without: ROWS.without(without, 'without'),
    users,
    keepPrivileges: privileged,
  };
  return { ...mergeRecipes(before ?? EMPTY_RECIPE, asked), image };
}

/** The paths to replace. @throws UsageError */
export function toReplace({ replace }: Pick<JailRequest, 'replace'>): readonly BytePath[] {
  return ROWS.replace(replace, 'replace');
}

/** The paths of `keep`. @throws UsageError also for one that `replace` names too. */
export function toKeep(
  { keep }: { readonly keep?: readonly Bytes[] | undefined },
  replace: readonly BytePath[],
): readonly BytePath[] {
  const paths = ROWS.keep(keep, 'keep');
  const both = paths.find((path) => replace.some((other) => isWithin(path, other) || isWithin(other, path)));
  if (both === undefined) return paths;
  throw new UsageError(`${showPath(both)} is to be kept and to be replaced`, {
    hint: 'give one of both: keep leaves it as it is in the jail, replace makes it as on the host',
  });
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
    without: ROWS.without(request.without, 'without'),
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
