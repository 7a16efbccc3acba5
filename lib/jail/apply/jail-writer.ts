// Judges each entry of a plan, stages it, and adds it to the list of changes. The jail is unchanged until Store.commit.

import { fchmodSync } from 'node:fs';

import { type BytePath, showPath } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileRoot } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { isWithin } from '../host/mounts.ts';
import type { DataEntry, DeviceEntry, Entry } from '../manifest/planned-entry.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { Attributes, CommitList, Expected, Staged } from './commit-list.ts';
import { type Copy, openCopies } from './copies.ts';
import type { KnownFiles } from './file-facts.ts';
import type { Judge, Verdict } from './judge.ts';
import { DIRECTORY, ORDINARY, rankOf, rankOfLink } from './commit-order.ts';
import { stampOf } from './look.ts';
import { foresee, toRecorded } from './recording.ts';
import { type Store, writeAll } from './store.ts';

export interface JailWriter {
  /**
   * Judges an entry, and stages it if the verdict is to put it there.
   * @throws JailError as Judge.judge; EXDEV if something is mounted there; system errors
   */
  add(entry: Entry, known?: KnownFiles): Written | Promise<Written>;
  /** Says that nothing more is added. */
  flush(): void;
  /** Starts no more copies, and waits for those that run. */
  close(): Promise<void>;
  /** Adds a removal; `was` as in Expected. */
  remove(path: BytePath, was: Expected['was']): void;
  /** The list of all changes. @throws JailError EAGAIN if a path was changed after it was judged */
  changes(): CommitList;
  /** New directories. */
  readonly made: ReadonlySet<BytePath>;
}

export interface Written {
  readonly verdict: Verdict;
  /** Undefined for an entry that was left, and for a copy, which is recorded when it is made. */
  readonly record: Recorded | undefined;
  readonly copy?: Copy;
  readonly warning?: string | undefined;
}

interface Waiting extends Staged {
  readonly rank: number;
}

export interface Writing {
  readonly source: FileRoot;
  /** A descriptor of that root. */
  readonly sourceFd: number;
  readonly jail: DirectoryRoot;
  readonly store: Store;
  readonly judge: Judge;
  /** Mount points in the jail, seen from the jail. */
  readonly mounted: readonly BytePath[];
}

export function openWriter({ source, sourceFd, jail, store, judge, mounted }: Writing): JailWriter {
  const waiting: Waiting[] = [];
  const attributes: Attributes[] = [];
  const obsolete: Expected[] = [];
  const made = new Set<BytePath>();
  const stamps = new Map<BytePath, string>();
  const copies = openCopies(store, sourceFd);

  function add(entry: Entry, known?: KnownFiles): Written | Promise<Written> {
    let fresh: Recorded | undefined;
    const facts = entry.kind === 'file' ? known?.onHost(entry.source) : undefined;
    const plan = async () => (fresh ??= await foresee(entry, source, facts));
    const verdict = judge.judge(entry, plan, known);
    return verdict instanceof Promise
      ? verdict.then((judged) => carryOut(entry, judged, plan))
      : carryOut(entry, verdict, plan);
  }

  function carryOut(
    entry: Entry,
    verdict: Verdict,
    plan: () => Promise<Recorded>,
  ): Written | Promise<Written> {
    const { path } = entry;
    const { action, was, stamp } = verdict;
    if (action === 'leave') {
      // it may look changed because something is mounted over it
      if (verdict.left?.because === 'changed' && entry.kind !== 'directory') checkMounts(path);
      return { verdict, record: undefined };
    }
    if (action !== 'stay') checkMounts(path);
    if (action !== 'stay' && stamp !== undefined) stamps.set(path, stamp);
    if (action === 'put') return put(entry, verdict);
    return plan().then((record) => {
      const { mode, uid, gid } = record;
      if (action === 'attributes') attributes.push({ path, mode, uid, gid, was });
      return { verdict, record };
    });
  }

  /** rename(2) fails across mounts and on a mount point. */
  function checkMounts(path: BytePath): void {
    const point = mounted.find((directory) => isWithin(path, directory));
    if (point === undefined) return;
    throw new JailError(`something is mounted on ${showPath(point)} in the jail, where a file belongs`, {
      code: 'EXDEV',
      path: showPath(point),
      hint: 'unmount it first',
    });
  }

  function put(entry: Entry, verdict: Verdict): Written | Promise<Written> {
    const { path, kind } = entry;
    const { was } = verdict;
    const isDirectory = kind === 'directory';
    const wait = (rank: number, staged: BytePath) =>
      void waiting.push({ staged, path, was, rank, isDirectory });
    switch (kind) {
      case 'directory':
        wait(DIRECTORY, store.stageDirectory({ mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0 }));
        made.add(path);
        return { verdict, record: toRecorded(entry) };
      case 'link':
        wait(rankOfLink(path), store.stageLink(entry.target));
        return { verdict, record: toRecorded(entry) };
      case 'file': {
        const copy = copies.add(entry);
        wait(rankOf(entry), copy.staged);
        return { verdict, record: undefined, copy };
      }
      case 'data':
        return stageData(entry).then((staged) => {
          wait(ORDINARY, staged);
          return { verdict, record: toRecorded(entry) };
        });
      case 'device':
        return {
          verdict,
          record: toRecorded(entry),
          warning: stageDevice(entry, (staged) => wait(ORDINARY, staged)),
        };
      default:
        return kind satisfies never;
    }
  }

  async function stageData({ data, mode }: DataEntry): Promise<BytePath> {
    const { staged } = await store.stage((fd) => {
      writeAll(fd, data);
      fchmodSync(fd, mode);
    });
    return staged;
  }

  /** Returns a warning if the device could not be made. */
  function stageDevice(entry: DeviceEntry, use: (staged: BytePath) => void): string | undefined {
    try {
      use(store.stageDevice(entry));
      return undefined;
    } catch (error) {
      // a container without CAP_MKNOD, or with a device filter
      if (errorCode(error) !== 'EPERM') throw error;
      return `${showPath(entry.path)} was not made: mknod is not permitted here`;
    }
  }

  return {
    add,
    flush: copies.flush,
    close: copies.close,
    remove: (path, was) => void obsolete.push({ path, was }),
    changes: () => {
      for (const [path, stamp] of stamps) if (stampOf(jail.lstat(path)) !== stamp) throw isBusy(path);
      return { files: waiting.toSorted((a, b) => a.rank - b.rank), attributes, obsolete };
    },
    made,
  };
}

function isBusy(jailPath: BytePath): JailError {
  const path = showPath(jailPath);
  return new JailError(`${path} was changed in the jail at this moment, by somebody else`, {
    code: 'EAGAIN',
    path,
    hint: 'nothing was changed; run it again',
  });
}
