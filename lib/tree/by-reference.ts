// Whether a jail takes its programs from the host. lib/trust/harmless.ts has the list of what is mounted there.
import { bytePath, type BytePath } from './path.ts';
import type { FileRoot } from './root.ts';

/** The file of such a jail. It decides nothing but whether a launch looks for more. A program that owns its jail can make one. */
export const MARKER: BytePath = bytePath('/.references');

/** Whether it is a jail by reference. @throws system errors */
export const isByReference = (jail: Pick<FileRoot, 'lstat'>): boolean => jail.lstat(MARKER)?.kind === 'file';
