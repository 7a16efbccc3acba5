// Namespaces that launches without root can join. A process makes them, sends their descriptors here, and ends.
import { constants } from 'node:os';

import { native, openLauncher } from '../../native.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Step } from '../plan/step.ts';
import type { JailView } from '../tell/jail-view.ts';
import { toLaunchError } from '../tell/failure.ts';
import { toSpawnError } from '../host/spawn-error.ts';

const sendsSpaces = -4;
const ignored = -1;

/** Namespaces that are being made, and a function that cancels this. `made` rejects with a LaunchError. */
export function makeOwnSpaces(
  steps: readonly Step[],
  jailFd: number,
  view: JailView,
): { readonly made: Promise<readonly number[]>; readonly callOff: () => void } {
  let handle: ReturnType<typeof native.spawn> | undefined;
  const made = new Promise<readonly number[]>((resolve, reject) => {
    const fail = (errno: number): void =>
      reject(toLaunchError(steps, { step: steps.length - 2, op: 0, errno, detail: 0 }, view));
    try {
      handle = native.spawn(
        encodePlan([steps]),
        jailFd,
        openLauncher(),
        [sendsSpaces, ignored, ignored],
        [],
        0,
        (failure) => {
          if (failure) return reject(toLaunchError(steps, failure, view));
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
