// What a program may do to files of root's. Pure.
import type { NormalRequest } from './request.ts';

// linux/capability.h: chown, dac_override, fowner, setgid, setuid, sys_admin
const ofRoot = new Set([0, 1, 3, 6, 7, 21]);

/** Whether the program may write what is root's on the host: as root inside, or by a capability. Without root it may not. */
export const mayActAsRoot = ({
  allowRoot,
  allowNewPrivs,
  caps,
  rootless,
}: Pick<NormalRequest, 'allowRoot' | 'allowNewPrivs' | 'caps' | 'rootless'>): boolean =>
  !rootless && (allowRoot || allowNewPrivs || caps.some((number) => ofRoot.has(number)));
