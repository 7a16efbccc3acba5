// Namespaces that launches without root can join. A process makes them, sends their descriptors here, and ends.
import { constants } from 'node:os';

import type { LaunchError } from '../../errors.ts';
import { native, openLauncher, type PlanFailure, type ProcessHandle } from '../../native.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Step } from '../plan/step.ts';
import { ignored } from '../request/stdio.ts';
import { toSpawnError } from '../host/spawn-error.ts';

const sendsSpaces = -4;

/** Namespaces that are being made, and a function that cancels this. `made` rejects with a LaunchError. */
export function makeOwnSpaces(
  steps: readonly Step[],
  jailFd: number,
  toError: (failure: PlanFailure) => LaunchError,
): { readonly made: Promise<readonly number[]>; readonly callOff: () => void } {
  let handle: ProcessHandle | undefined;
  const made = new Promise<readonly number[]>((resolve, reject) => {
    const take = (of: ProcessHandle): void => {
      try {
        resolve(native.takeSent(of, 0));
      } catch (error) {
        const errno = -((error as NodeJS.ErrnoException).errno ?? -constants.errno.EIO);
        reject(toError({ step: steps.length - 2, op: 0, errno, detail: 0 }));
      }
    };
    try {
      handle = native.spawn({
        plan: encodePlan([steps]),
        jail: jailFd,
        launcherFd: openLauncher(),
        stdio: [sendsSpaces, ignored, ignored],
        kept: [],
        group: 'caller',
        // the jail is a descriptor, so the host is not looked at again
        onStarted: (start) => {
          if ('failure' in start) reject(toError(start.failure));
          else if ('pid' in start) take(start.handle);
        },
        onExit: () => {},
      });
    } catch (error) {
      reject(toSpawnError(error));
    }
  });
  return {
    made,
    callOff: () => {
      if (handle !== undefined) native.recall(handle, true);
    },
  };
}
