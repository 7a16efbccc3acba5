// Ends a program beside this process when all of its processes together have used their time on a CPU.
import { cpus } from 'node:os';

import { native, type ProcessHandle } from '../../native.ts';
import { needsCgroup, type CgroupLimits } from '../request/limit-rows.ts';
import type { JailedProcess } from './process.ts';

// What all CPUs together can do between two looks; and what the processes may use after SIGXCPU, no longer than a second. The same in
// native/launcher/clock.cc, which says why.
const mostCpuMs = 20;
const longestMs = 1000;

let count: number | undefined;

/** The watch over the CPU time of one program. */
export interface CpuWatch {
  /** The time is over: the program got SIGXCPU, or will. */
  readonly isOver: boolean;
  readonly end: () => void;
}

/**
 * Watches the time that the cgroup of a program counts: after `cpuTime` the program gets SIGXCPU, and 20 ms on a CPU later all processes get
 * SIGKILL. It sleeps at least as long as they need for the rest on all CPUs.
 *
 * @returns undefined if there is nothing to watch
 */
export function watchCpuTime(
  child: JailedProcess,
  handle: ProcessHandle,
  request: CgroupLimits,
): CpuWatch | undefined {
  if (request.cpuTime === undefined || !needsCgroup(request)) return undefined;
  const limitMs = request.cpuTime * 1000;
  const all = (count ??= Math.max(1, cpus().length));
  const pauseMs = Math.max(1, Math.floor(mostCpuMs / all));
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  // the program itself holds the event loop, unless its caller wants otherwise
  const later = (work: () => void, ms: number): void => void (timer = setTimeout(work, ms).unref());
  const look = (): void => {
    const usedMs = native.cpuTimeMs(handle);
    if (usedMs < limitMs) {
      const restMs = (limitMs - Math.max(0, usedMs)) / all;
      // setTimeout() takes anything above for one millisecond
      return later(look, Math.min(Math.max(pauseMs, restMs), 2 ** 31 - 1));
    }
    isOver = true;
    child.kill('SIGXCPU');
    return awaitRest(performance.now() + longestMs);
  };
  const awaitRest = (endMs: number): void => {
    const isRest = native.cpuTimeMs(handle) < limitMs + mostCpuMs && performance.now() < endMs;
    if (isRest) return later(() => awaitRest(endMs), pauseMs);
    return void child.cutOff();
  };
  look();
  return {
    get isOver() {
      return isOver;
    },
    end: () => clearTimeout(timer),
  };
}
