// Namespaces that launches without root can join. A process makes them, sends their descriptors here, and ends.
import { constants } from 'node:os';

import type { LaunchError } from '../../errors.ts';
import { native, openLauncher, type PlanFailure } from '../../native.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Step } from '../plan/step.ts';
import { toSpawnError } from '../host/spawn-error.ts';

const sendsSpaces = -4;
const ignored = -1;

/** Namespaces that are being made, and a function that cancels this. `made` rejects with a LaunchError. */
export function makeOwnSpaces(
  steps: readonly Step[],
  jailFd: number,
  toError: (failure: PlanFailure) => LaunchError,
): { readonly made: Promise<readonly number[]>; readonly callOff: () => void } {
  let handle: ReturnType<typeof native.spawn> | undefined;
  const made = new Promise<readonly number[]>((resolve, reject) => {
    const fail = (errno: number): void =>
      reject(toError({ step: steps.length - 2, op: 0, errno, detail: 0 }));
    try {
      handle = native.spawn(
        encodePlan([steps]),
        jailFd,
        openLauncher(),
        [sendsSpaces, ignored, ignored],
        [],
        0,
        (failure) => {
          if (failure) return reject(toError(failure));
          const spaces = handle === undefined ? -constants.errno.EIO : native.takeSpaces(handle);
          return typeof spaces === 'number' ? fail(-spaces) : resolve(spaces);
        },
        () => {},
      );
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
