// Finds what would make a launch fail: missing rights of this process, and steps that fail in a child, which ends before execve.
import { fstatSync } from 'node:fs';

import { EISDIR } from '../../words/errno-numbers.ts';
import { LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { lookOr } from '../../words/system-error.ts';
import { encodePlan } from '../plan/encode.ts';
import { withoutClone } from '../plan/isolated.ts';
import { messageHead, rowOf } from '../plan/table.ts';
import { contextOf, toLaunchError } from './failure.ts';
import type { Launch } from '../plan/launch.ts';
import { viewOf } from './jail-view.ts';
import { requireCapabilities, requireMappings, requireRoot } from '../host/privilege.ts';
import type { Step } from '../plan/step.ts';
import { signalName } from '../request/signal.ts';

function toProblem(launch: Launch): LaunchError | undefined {
  const { stages, steps, jail } = launch;
  // The steps to try, each with its place in the plan. The child's parent is this process.
  let next = 0;
  const tried = withoutClone(stages).map((stage) =>
    stage.flatMap((step): (readonly [number, Step])[] => {
      const { rehearse = (same: Step) => same } = rowOf(step);
      const [at, one] = [next++, rehearse(step, process.pid)];
      return one === undefined ? [] : [[at, one]];
    }),
  );
  const failure = native.rehearsePlan({
    plan: encodePlan(tried.map((stage) => stage.map(([, one]) => one))),
    jailFd: jail.fd,
  });
  if (failure === null) return undefined;
  const place = tried.flat()[failure.step]?.[0] ?? -1;
  const step = steps[place];
  if (failure.errno !== 0 || step === undefined)
    return toLaunchError(steps, { ...failure, step: place }, viewOf(launch));
  const signal = signalName(failure.detail);
  return new LaunchError(
    `${messageHead(step, contextOf(viewOf(launch), 0))} the process is killed by ${signal}`,
    {
      step: step.op,
      place: place + 1,
      code: 'ERR_SIGNAL',
      hint: signal === 'SIGSYS' ? 'a seccomp filter of the caller does not allow the call' : undefined,
    },
  );
}

// The stdio steps are not tried, so this does their check for directories.
function findOpenDirectory(launch: Launch): LaunchError | undefined {
  const { steps } = launch;
  const place = steps.findIndex((step) => step.op === 'stdio' && isDirectory(step.fd));
  if (place < 0) return undefined;
  return toLaunchError(steps, { step: place, op: 0, errno: EISDIR, detail: 0 }, viewOf(launch));
}

// If it is closed, the launch opens /dev/null there.
const isDirectory = (fd: number): boolean => lookOr(false, () => fstatSync(fd).isDirectory());

/**
 * Why the launch would fail before execve if this process tried it now; undefined if it would not. The steps run in a child, so
 * seccomp filters, limits and security modules take part. Only root can try this, but for a rootless launch: for
 * other users the result is undefined.
 */
export function rehearse(launch: Launch): LaunchError | undefined {
  if (launch.request.rootless) return findOpenDirectory(launch) ?? toProblem(launch);
  try {
    requireRoot();
  } catch {
    return undefined;
  }
  try {
    requireCapabilities(launch.request);
    requireMappings(launch.account);
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
  return findOpenDirectory(launch) ?? toProblem(launch);
}
