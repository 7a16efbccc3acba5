// What the C library opens to unwind the stack of a thread.

import { cannotLoad, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

// with the C library, and where musl has its libraries
const PLACES = ['$LIB/libgcc_s.so.1', '/usr/lib/libgcc_s.so.1'];

export const libgcc: Pack = {
  name: 'libgcc',
  summary: 'libgcc_s, without which a thread cannot be cancelled',
  // pthread_exit aborts without it: "libgcc_s.so.1 must be installed for pthread_exit to work" (glibc, unwind-link.c)
  when: { imports: ['pthread_cancel', 'pthread_exit', 'backtrace'] },
  parts: PLACES.map((path) => ({ path })),
  check: (jail) => lacksAll(jail, ...PLACES) ?? cannotLoad(jail, ...PLACES),
};
