// A jail that is being checked: all that a rule may look at.

import { readFileSync, readlinkSync } from 'node:fs';

import { type BytePath, bytePath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot, openFileRoot } from '../../binary/root.ts';
import { rememberStatus } from '../../binary/remembered-root.ts';
import { JailError } from '../../errors.ts';
import { errnoName, reason } from '../../errno.ts';
import { native, type PathComponent } from '../../native.ts';
import { quote } from '../../quote.ts';
import { type Host, openHost } from '../host/source-host.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import { MANIFEST_PATH, type Manifest, readManifest } from '../manifest/manifest.ts';
import { judgeWay, type WayFinding } from '../../trust/way.ts';
import type { JailUser } from '../packs/pack.ts';
import { pipesOutside, type Process, processesIn } from './processes.ts';
import { openSeen, type Seen } from './seen.ts';
import { boundPaths } from './unix.ts';
import { type Loose, looseOn } from './way.ts';
import { toPerson } from './writable.ts';

export interface CheckedJail {
  /** On the host, without a link in it. */
  readonly directory: BytePath;
  /** As it was named, absolute. */
  readonly asked: BytePath;
  readonly root: DirectoryRoot;
  /** The way to it, the jail itself last. */
  readonly components: readonly PathComponent[];
  /** What is wrong with that way, for these users. */
  readonly wayFindings: readonly WayFinding[];
  /** Undefined if there is none, or none that can be believed. */
  readonly manifest: Manifest | undefined;
  /** Why the manifest is not believed. */
  readonly manifestFault: string | undefined;
  /** What the jail is built from; undefined if that was another system, which is gone. */
  readonly host: Host | undefined;
  /** Accounts of the host that are to be jailed; none: anybody but root. */
  readonly users: readonly JailUser[];
  /** What is mounted, as this process sees it. */
  readonly mounts: readonly Mount[];
  /** Those that run in the jail now. */
  processes(): readonly Process[];
  /** Paths of the host under which sockets were bound: one in the jail was bound by a process outside. */
  boundOutside(): ReadonlySet<BytePath>;
  /** Named pipes, by their paths on the host, that a process outside of the jail has open, and which. */
  pipesOutside(): ReadonlyMap<BytePath, string>;
  /** What of the way to a path of the jail one of the users can change; remembered, since many lead to the same place. */
  looseOn(path: BytePath): Loose | undefined;
  /** Filled by the walk. */
  readonly seen: Seen;
  close(): void;
}

/** @throws JailError if it cannot be opened, or what it is built from; system errors. */
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
      seen: openSeen(manifest),
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

const MOST_WAYS = 10_000;

function rememberLoose(root: FileRoot, users: readonly JailUser[]): CheckedJail['looseOn'] {
  const known = new Map<BytePath, Loose | undefined>();
  const remembered = rememberStatus(root); // the same directories are on the way to everything
  return (path) => {
    if (known.has(path)) return known.get(path);
    const loose = looseOn(remembered, path, users);
    if (known.size < MOST_WAYS) known.set(path, loose);
    return loose;
  };
}

/** Asked for the first time when a rule needs it, as few do. */
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
