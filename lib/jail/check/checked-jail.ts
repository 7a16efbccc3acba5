// A jail that is being checked, with everything that a rule may look at.

import { constants, readFileSync, readlinkSync } from 'node:fs';

import { openResolver, type Resolver } from '../../binary/closure.ts';
import { BASELINE } from '../../binary/machine.ts';
import { type BytePath, bytePath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot, openFileRoot } from '../../binary/root.ts';
import { rememberStatus } from '../../binary/remembered-root.ts';
import { JailError } from '../../errors.ts';
import { errnoName, reason } from '../../errno.ts';
import { native } from '../../native.ts';
import { type PathComponent } from '../../native/launch-calls.ts';
import { quote } from '../../quote.ts';
import { type Host, openHost } from '../host/source-host.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import { MANIFEST_PATH, type Manifest, readManifest } from '../manifest/manifest.ts';
import { judgeWay, type WayFinding } from '../../trust/way.ts';
import type { JailUser } from '../packs/pack.ts';
import { lookOr } from '../work/jail-error.ts';
import { toPerson } from './jail-writers.ts';
import { boundPaths, pipesOutside, type Process, processesIn } from './processes.ts';
import { openWalkFacts, type WalkFacts } from './walk-facts.ts';
import { type Loose, looseOn } from './writable-parent.ts';

export interface CheckedJail {
  /** Its path on the host, with links resolved. */
  readonly directory: BytePath;
  /** The absolute path by which it was named. */
  readonly asked: BytePath;
  readonly root: DirectoryRoot;
  /** The directories and links on the way to it, the jail itself last. */
  readonly components: readonly PathComponent[];
  /** What is wrong with that way for these users. */
  readonly wayFindings: readonly WayFinding[];
  /** Undefined if there is none, or if it cannot be trusted. */
  readonly manifest: Manifest | undefined;
  /** Why the manifest cannot be trusted. */
  readonly manifestFault: string | undefined;
  /** The system that the jail was built from; undefined if it is gone. */
  readonly host: Host | undefined;
  /** Accounts of the host that are to be jailed; without any, everybody but root counts. */
  readonly users: readonly JailUser[];
  /** The mounts that this process sees. */
  readonly mounts: readonly Mount[];
  /** The processes that run in the jail now. */
  processes(): readonly Process[];
  /** Paths of the host to which sockets were bound. If one lies in the jail, a process outside has bound it. */
  boundOutside(): ReadonlySet<BytePath>;
  /** The named pipes that a process outside of the jail has open, by their paths on the host, with that process. */
  pipesOutside(): ReadonlyMap<BytePath, string>;
  /** As looseOn() of writable-parent.ts for these users; answers are remembered, since many paths lead to the same place. */
  looseOn(path: BytePath): Loose | undefined;
  /** A new resolver of what programs of the jail need to start. */
  openResolver(): Resolver;
  /** Filled by the walk. */
  readonly seen: WalkFacts;
  close(): void;
}

/** @throws JailError if the jail, or the system that it was built from, cannot be opened; system errors. */
export function openChecked(directory: BytePath, users: readonly JailUser[]): CheckedJail {
  const facts = native.readHostSync({ jail: pathBytes(directory) });
  if (facts.jailFd < 0) {
    const path = quote(facts.walkPath ?? pathBytes(directory));
    const errno = facts.walkErrno ?? 0;
    throw new JailError(`${path}: ${reason(errno)}`, { code: errnoName(errno), path });
  }
  try {
    const root = openFileRoot(facts.jailFd);
    const { manifest, fault } = manifestOf(root);
    const host = hostOf(manifest);
    const path = bytePath(readlinkSync(`/proc/self/fd/${facts.jailFd}`, { encoding: 'buffer' }));
    const place = { path, ...native.inRootFstat(facts.jailFd) };
    return {
      directory: path,
      asked: directory,
      root,
      components: facts.components,
      wayFindings: judgeWay(facts, users.map(toPerson)),
      manifest,
      manifestFault: fault,
      host,
      users,
      mounts: readMounts(readFileSync('/proc/self/mountinfo')),
      processes: once(() => processesIn(place)),
      boundOutside: once(boundPaths),
      pipesOutside: once(() => pipesOutside(place)),
      looseOn: rememberLoose(root, users),
      openResolver: () => openResolver(root, { cpu: host?.cpu ?? BASELINE, hasProc: true }),
      seen: openWalkFacts(manifest),
      close: () => {
        host?.close();
        native.closeJail(facts.jailFd);
      },
    };
  } catch (error) {
    native.closeJail(facts.jailFd);
    throw error;
  }
}

const O_PATH = 0o10000000; // asm-generic/fcntl.h; not among Node's constants

/** What `use` returns for a descriptor (O_PATH) of the entry at a path of the jail, no link followed; undefined without an entry. */
export function usePath<T>(root: DirectoryRoot, path: BytePath, use: (fd: number) => T): T | undefined {
  const flags = O_PATH | constants.O_NOFOLLOW;
  const fd = lookOr(undefined, () => native.inRootOpen(root.fd, pathBytes(path), flags));
  if (fd === undefined) return undefined;
  try {
    return use(fd);
  } finally {
    native.closeDescriptor(fd);
  }
}

const MOST_WAYS = 10_000;

function rememberLoose(root: FileRoot, users: readonly JailUser[]): CheckedJail['looseOn'] {
  const known = new Map<BytePath, Loose | undefined>();
  const remembered = rememberStatus(root); // most ways lead through the same directories
  return (path) => {
    if (known.has(path)) return known.get(path);
    const loose = looseOn(remembered, path, users);
    if (known.size < MOST_WAYS) known.set(path, loose);
    return loose;
  };
}

/** Computed lazily: few rules need it. */
function once<T extends object>(look: () => T): () => T {
  let answer: T | undefined;
  return () => (answer ??= look());
}

function manifestOf(root: DirectoryRoot): { readonly manifest?: Manifest; readonly fault?: string } {
  try {
    const manifest = readManifest(root);
    if (manifest !== undefined) return { manifest };
    return root.lstat(MANIFEST_PATH) === undefined ? {} : { fault: "it is not root's alone" };
  } catch (error) {
    if (error instanceof JailError) return { fault: error.message };
    if (errorCode(error) === 'ELOOP') return { fault: 'the way to it leads in a circle' };
    throw error;
  }
}

function hostOf(manifest: Manifest | undefined): Host | undefined {
  try {
    return openHost(manifest?.recipe.from);
  } catch (error) {
    if (error instanceof JailError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
