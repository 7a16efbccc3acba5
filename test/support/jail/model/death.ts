// Lets work on a jail end at its nth change, as SIGKILL would: nothing that comes after it is done, no clearing up either.

import { constants } from 'node:fs';

import { native } from '../../../../lib/native.ts';

class Death extends Error {
  override readonly name = 'Death';
}

const CHANGES = ['inRootMkdir', 'inRootRename', 'inRootUnlink', 'inRootSymlink', 'inRootMknod'] as const;

type Call = (...args: unknown[]) => unknown;

/** Runs `work`, which dies before its nth change; true if it came so far. @throws whatever else it throws */
export async function dieAt(nth: number, work: () => Promise<unknown>): Promise<boolean> {
  const calls = native as unknown as Record<string, Call>;
  const kept = new Map<string, Call>();
  let left = nth;
  const live = (): void => {
    if (left-- <= 0) throw new Death('killed');
  };
  const patch = (name: string, make: (call: Call) => Call): void => {
    const call = calls[name];
    if (call === undefined) throw new Error(`native.${name} is not there`);
    kept.set(name, call);
    calls[name] = make(call);
  };
  for (const name of CHANGES)
    patch(name, (call) => (...args) => {
      live();
      return call(...args);
    });
  patch('inRootOpen', (call) => (...args) => {
    if (((args[2] as number) & constants.O_CREAT) !== 0 || left < 0) live();
    return call(...args);
  });
  // many copies in one call, of which the first may have been made
  patch('readFiles', (call) => async (root, target, paths, wanted) => {
    const names = (paths as Buffer).toString('latin1').split('\0').slice(0, -1);
    if (target !== -1 && left < names.length) {
      const made = names.slice(0, Math.max(left, 0)).map((name) => `${name}\0`);
      left = -1;
      await call(
        root,
        target,
        Buffer.from(made.join(''), 'latin1'),
        (wanted as Uint32Array).slice(0, made.length * 5),
      );
      throw new Death('killed');
    }
    if (target !== -1) left -= names.length;
    return call(root, target, paths, wanted);
  });
  // many renames in one call, of which some may have been done
  patch('renameAll', () => (root, pairs) => {
    for (const [from, to] of pairs as [unknown, unknown][]) calls['inRootRename']?.(root, from, to);
  });
  try {
    await work();
    return left < 0;
  } catch (error) {
    if (left < 0) return true;
    throw error;
  } finally {
    for (const [name, call] of kept) calls[name] = call;
  }
}
