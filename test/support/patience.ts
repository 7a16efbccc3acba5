// Limits of time that follow the machine: no test may fail because the machine is slow, or busy with other work.
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

// How many times slower this machine computes than the one for which the limits were chosen. scripts/run-tests.mjs measures it.
const speed = Number(process.env.UCHROOT_TEST_SLOWNESS ?? 1);

/** How many times longer than on a quiet machine work takes at this moment; at least 1. */
function slowness(): number {
  // proc_loadavg(5): the processes that want a processor now. The mean of a minute lags behind them, but is steadier.
  const [, wanting = '1'] = /(\d+)\/\d+/.exec(readFileSync('/proc/loadavg', 'latin1')) ?? [];
  return speed * Math.max(1, Math.max(loadavg()[0] ?? 0, Number(wanting)) / availableParallelism());
}

/** A limit in ms of the real time, for a wait that begins now and would be given `ms` on a quiet machine. */
export const patientMs = (ms: number): number => Math.ceil(ms * slowness());

/** Waits until a condition is true; returns false if it is not within `ms` of a quiet machine. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  ms = 15_000,
  pauseMs = 5,
): Promise<boolean> {
  for (let waitedMs = 0, last = performance.now(); waitedMs < ms;) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const now = performance.now();
    waitedMs += (now - last) / slowness();
    last = now;
  }
  return condition();
}

/** How long to sleep before the next look at something that is awaited since then: a twentieth of the wait so far, 1 to 20 ms. */
export const pauseMs = (begin: number): number => Math.min(1 + (performance.now() - begin) / 20, 20);
