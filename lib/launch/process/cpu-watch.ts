// Ends a program beside this process when all of its processes together have used their time on a CPU.
import { cpus } from 'node:os';

import { native, type ProcessHandle } from '../../native.ts';
import type { JailedProcess } from './process.ts';

// What all CPUs together can do between two looks, and between SIGXCPU and SIGKILL. The same in native/launcher/clock.cc.
const mostCpuMs = 20;

let count: number | undefined;

/**
 * Watches the time that the cgroup of a program counts. It sleeps at least as long as the processes need for the rest on all CPUs.
 *
 * @param seconds the limit
 * @param onOver called before the program gets SIGXCPU; all processes get SIGKILL some milliseconds later
 * @returns a function that ends the watch
 */
export function watchCpuTime(
  child: JailedProcess,
  handle: ProcessHandle,
  seconds: number,
  onOver: () => void,
): () => void {
  count ??= Math.max(1, cpus().length);
  const pauseMs = Math.max(1, Math.floor(mostCpuMs / count));
  const limitMs = seconds * 1000;
  let timer: NodeJS.Timeout | undefined;
  // the program itself holds the event loop, unless its caller wants otherwise
  const later = (work: () => void, ms: number): void => void (timer = setTimeout(work, ms).unref());
  const look = (): void => {
    const usedMs = native.cpuTimeMs(handle);
    // setTimeout() takes anything above for one millisecond
    if (usedMs < limitMs)
      return later(
        look,
        Math.min(Math.max(pauseMs, (limitMs - Math.max(0, usedMs)) / (count ?? 1)), 2 ** 31 - 1),
      );
    onOver();
    child.kill('SIGXCPU');
    return later(() => child.cutOff(), pauseMs);
  };
  look();
  return () => clearTimeout(timer);
}
