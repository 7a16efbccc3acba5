// Prepares what a jail is to hold: each entry is judged, staged beside, and listed. Until Store.commit the jail is as it was.

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

/** Work on one jail. */
export interface JailWriter {
  /**
   * Prepares an entry, as far as the verdict is that it is put there.
   * @throws JailError as Judge.judge; EXDEV if something is mounted where it belongs; system errors.
   */
  add(entry: Entry, known?: KnownFiles): Written | Promise<Written>;
  /** Says that nothing more is added. */
  flush(): void;
  /** Ends the work: no more copies are begun, and none is under way afterwards. */
  close(): Promise<void>;
  /** Prepares that something is removed; `was` as in Expected. */
  remove(path: BytePath, was: Expected['was']): void;
  /** All that was prepared. @throws JailError EAGAIN if somebody has changed what is to be replaced since it was judged. */
  changes(): CommitList;
  /** Directories that are made anew. */
  readonly made: ReadonlySet<BytePath>;
}

export interface Written {
  readonly verdict: Verdict;
  /** Undefined if it was left, or is a copy: that is recorded when it is made. */
  readonly record: Recorded | undefined;
  readonly copy?: Copy;
  readonly warning?: string | undefined;
}

interface Waiting extends Staged {
  readonly rank: number;
}

export interface Writing {
  /** Where it is copied from. */
  readonly source: FileRoot;
  /** A descriptor of that root. */
  readonly sourceFd: number;
  readonly jail: DirectoryRoot;
  readonly store: Store;
  readonly judge: Judge;
  /** What something is mounted on, as the jail sees it. */
  readonly mounted: readonly BytePath[];
}

/** Opens the work on one jail. */
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
      // what is mounted there hides what the builder has put there
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

  /** Rename does not lead from one mount into another, nor replace what something is mounted on. */
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

  /** Returns a warning if it could not be made. */
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
