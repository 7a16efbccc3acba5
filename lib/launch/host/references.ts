// A jail by reference: it has mount points for directories and files of the host, and each isolated launch mounts them there, read-only.
import { constants, existsSync, lstatSync, realpathSync, statSync, type Stats } from 'node:fs';

import { LaunchError } from '../../errors.ts';
import {
  bytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  type BytePath,
} from '../../tree/path.ts';
import { isRecorded, MARKER } from '../../tree/by-reference.ts';
import { openFileRoot, type FileRoot } from '../../tree/root.ts';
import { emptyDirectories, hidden, isShown, ofNetwork, references, versioned } from '../../trust/harmless.ts';
import { isLink, type Way } from '../../trust/way.ts';
import { remember } from '../../values/remember.ts';
import { commandLine } from '../../words/shell-word.ts';
import { namespacesOf, type NormalView } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { checkTrees } from '../request/view-trees.ts';
import type { Account } from './account.ts';
import { acceptDirectory, judgeDirectory, refuseLink, type DirectoryFinding } from './directory.ts';
import { pathFor } from './environment.ts';
import { hostDanger, hostMounts } from './host-danger.ts';
import { wayTo } from './host-ways.ts';

const etc = bytePath('/etc');

// If ldconfig(8) or an upgrade replaces a file, its text is another one. It is a part of the key of kept namespaces, so they are made anew.
class Entry {
  readonly kind = 'bind';
  readonly readOnly = true;
  readonly isReference = true;
  readonly source: Buffer;
  readonly target: Buffer;
  readonly #id: string;

  constructor(source: BytePath, target: BytePath, inode: bigint) {
    this.source = pathBytes(source);
    this.target = pathBytes(target);
    this.#id = `${source} ${target} ${inode}`;
  }

  toJSON(): string {
    return this.#id;
  }
}

/** What a launch mounts. */
export interface Source {
  /** The path in the jail, and on the host. */
  readonly path: BytePath;
  readonly way: Way;
  /** Why a program may not see it: the rest of a sentence that begins with the path. */
  readonly how?: string | undefined;
}

/** Looks for what the host has of the list. */
class Search {
  readonly sources: Source[] = [];
  readonly entries: Entry[] = [];
  /** The directories in which something must change before another launch finds other files, as they were when they were looked at. */
  readonly directories = new Map<BytePath, string>();
  readonly #jail: BytePath;
  readonly #ways = new Map<BytePath, Way>();
  readonly #mounts = hostMounts();

  constructor(jail: BytePath, root: FileRoot) {
    this.#jail = jail;
    for (const path of [etc, ...hidden.map((one) => parentPath(bytePath(one)))]) this.#note(path);
    const others = (root.list(etc) ?? []).filter((name) => versioned.test(name));
    for (const { path } of references) this.#add(bytePath(path), root);
    for (const name of others) this.#add(joinPath(etc, name), root);
  }

  #note(path: BytePath): void {
    remember(this.directories, path, () => stampOf(path));
  }

  #add(path: BytePath, root: FileRoot): void {
    this.#note(parentPath(path));
    const seen = lstatSync(pathBytes(path), { throwIfNoEntry: false });
    const point = seen && root.lstat(path);
    if (seen === undefined || (point?.kind !== 'file' && point?.kind !== 'directory')) return;
    const way = seen.isSymbolicLink() ? wayTo(path) : this.#wayIn(path, seen);
    for (const one of way.components) if (isLink(one)) this.#note(parentPath(bytePath(one.path)));
    const end = way.endsInEntry === true ? way.components.at(-1) : undefined;
    if (end === undefined) return;
    const source = bytePath(end.path);
    this.sources.push({ path, way, how: this.#fault(path, source, way) });
    const isDirectory = (end.mode & constants.S_IFMT) === constants.S_IFDIR;
    const forAll = isDirectory ? 0o005 : 0o004;
    // what not everybody may read is not for a program in a jail either
    if ((end.mode & forAll) !== forAll) return;
    if (isDirectory !== (point.kind === 'directory')) throw this.#changed(path, point.kind);
    this.#note(parentPath(source));
    const inode = isDirectory ? 0n : statSync(pathBytes(source), { bigint: true }).ino;
    this.entries.push(new Entry(source, path, inode));
  }

  // Most are entries of /etc, to which one way leads.
  #wayIn(path: BytePath, { mode, uid, gid }: Stats): Way {
    const above = remember(this.#ways, parentPath(path), () => wayTo(parentPath(path)));
    const real = bytePath(above.components.at(-1)?.path ?? '/');
    const own = pathBytes(joinPath(real, lastComponent(path)));
    const entry = { path: own, parent: above.components.length - 1, mode, uid, gid };
    return { ...above, components: [...above.components, entry] };
  }

  #fault(path: BytePath, source: BytePath, way: Way): string | undefined {
    const danger = hostDanger(path, true, way, this.#mounts);
    const how = danger?.how ?? (isShown(source, path) ? undefined : 'is hidden from the programs of a jail');
    return how === undefined || source === path ? how : `leads to ${showPath(source)}, which ${how}`;
  }

  #changed(path: BytePath, kind: string): LaunchError {
    return new LaunchError(`reference: ${showPath(path)} is no ${kind} any more`, {
      step: 'open_tree',
      code: kind === 'directory' ? 'ENOTDIR' : 'EISDIR',
      path: showPath(path),
      hint: commandLine('uchroot-jail', 'update', this.#jail),
    });
  }
}

/** What launches would mount in this jail. @throws LaunchError if the host has another kind of file there now */
export const sourcesFor = (jail: BytePath, root: FileRoot): readonly Source[] =>
  new Search(jail, root).sources;

/** The remedy for a source with a fault. */
export const leavingOut = (jail: BytePath, path: BytePath): string =>
  commandLine('uchroot-jail', 'build', jail, '--without', path);

/** The remedy for a jail that was moved or copied without its record. */
export const rebuilding = (jail: BytePath): string =>
  commandLine('uchroot-jail', 'build', jail, '--from-host');

/**
 * Refuses a jail that only says that launches mount the host: a program that was root in it can have written that.
 *
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function requireRecord({ jail }: Pick<NormalRequest, 'jail'>, fd: number): void {
  if (isRecorded(fd)) return;
  const path = showPath(MARKER);
  throw new LaunchError(
    `jail: ${path} says that launches mount the host, and no record beside the jail does`,
    {
      step: 'jail',
      code: 'ERR_INSECURE_PATH',
      path,
      hint: `${rebuilding(bytePath(jail))}   # if you have moved or copied the jail; otherwise a program has made the file: remove it`,
    },
  );
}

function judge({ path, way, how }: Source, jail: BytePath, account: Account): readonly DirectoryFinding[] {
  const name = showPath(path);
  const found = judgeDirectory(way, account, { step: 'open_tree', title: 'reference', name });
  if (how === undefined) return found;
  return [
    ...found,
    { refuses: true, path: name, message: `reference: ${name} ${how}`, hint: leavingOut(jail, path) },
  ];
}

interface Resolved extends Pick<Search, 'entries' | 'directories'> {
  /** Those that are there. */
  readonly hidden: readonly string[];
}

function stampOf(path: BytePath): string {
  const seen = statSync(pathBytes(path), { throwIfNoEntry: false, bigint: true });
  return `${seen?.ino} ${seen?.ctimeNs}`;
}

function resolve({ jail, insecurePath }: NormalRequest, { account, fd }: Place): Resolved {
  const path = bytePath(jail);
  const root = openFileRoot(fd < 0 ? jail : fd);
  try {
    const { entries, directories, sources } = new Search(path, root);
    const findings = sources.flatMap((one) => judge(one, path, account));
    // `uchroot-jail check` tells of those that refuse nothing
    acceptDirectory(findings, insecurePath, { step: 'open_tree' });
    if (!insecurePath)
      for (const { way } of sources) refuseLink(way, { step: 'open_tree', title: 'reference' });
    return { entries, directories, hidden: hidden.filter((one) => existsSync(one)) };
  } finally {
    root.close();
  }
}

/** A judged jail, and its descriptor; -1 if it is not open. */
interface Place {
  readonly account: Account;
  readonly fd: number;
}

const known = new WeakMap<Place, Resolved>();

// It has room for the directories on the way to a mount.
const empty = (target: string): NormalView => ({
  kind: 'tmpfs',
  target: Buffer.from(target),
  size: 65_536,
  inodes: 256,
  mode: 0o755,
  noexec: true,
});

// The empty directories below which the request mounts something: the jail has no mount point for that.
function openedBy(view: readonly NormalView[]): readonly string[] {
  const targets = view.map(({ target }) => bytePath(target));
  return emptyDirectories.filter(
    (path) => !targets.some((target) => target === path) && targets.some((target) => isWithin(target, path)),
  );
}

/**
 * Adds the mounts of a jail by reference, below those of the request. A program that was given by its name is looked up in PATH: its
 * path is that of the host.
 *
 * @throws LaunchError ERR_INSECURE_PATH for a link of /etc that leads to what is hidden, and as judgeBinds()
 */
export function withReferences<Request extends NormalRequest>(request: Request, jail: Place): Request {
  let resolved = known.get(jail);
  if (resolved === undefined || [...resolved.directories].some(([path, stamp]) => stampOf(path) !== stamp))
    known.set(jail, (resolved = resolve(request, jail)));
  const isAlone = namespacesOf(request).includes('net');
  const entries = resolved.entries.filter(({ target }) => !isAlone || !ofNetwork.has(target.toString()));
  const covers = [...resolved.hidden, ...openedBy(request.view)].map(empty);
  const view = [...entries, ...covers, ...request.view];
  checkTrees(
    view,
    request.rootless,
    `${entries.length} of them are those of the jail, which mounts directories of the host`,
  );
  return { ...request, view, program: programIn(request, jail.account) };
}

function programIn(
  { program, env }: Pick<NormalRequest, 'program' | 'env'>,
  { uid }: Account,
): Buffer | undefined {
  if (program === undefined || program.includes('/')) return program;
  const asked = env.findLast(([name]) => name === 'PATH')?.[1];
  const found = String(asked ?? pathFor(uid))
    .split(':')
    .map((directory) => `${directory}/${bytePath(program)}`)
    .find(isProgram);
  return found === undefined ? program : pathBytes(found as BytePath);
}

function isProgram(path: string): boolean {
  const status = statSync(pathBytes(path as BytePath), { throwIfNoEntry: false });
  if (status?.isFile() !== true || (status.mode & 0o001) === 0) return false;
  return isShown(bytePath(realpathSync(pathBytes(path as BytePath), 'buffer')), path);
}
