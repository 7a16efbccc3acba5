// What the C library opens to unwind the stack of a thread.

import { cannotLoad } from './check.ts';
import type { Pack } from './pack.ts';

export const libgcc: Pack = {
  name: 'libgcc',
  summary: 'libgcc_s, without which a thread cannot be cancelled',
  // pthread_exit aborts without it: "libgcc_s.so.1 must be installed for pthread_exit to work" (glibc, unwind-link.c)
  when: { imports: ['pthread_cancel', 'pthread_exit', 'backtrace'] },
  parts: [{ path: '$LIB/libgcc_s.so.1' }, { path: '/usr/lib/libgcc_s.so.1' }],
  check: (jail) => cannotLoad(jail, '$LIB/libgcc_s.so.1', '/usr/lib/libgcc_s.so.1'),
};
