// Shared memory and semaphores of POSIX.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const shm: Pack = {
  name: 'shm',
  summary: '/dev/shm, for shared memory and semaphores',
  // the C library makes its files there, on whatever file system (shm_overview(7), sem_overview(7))
  when: { imports: ['shm_open', 'sem_open'] },
  parts: [{ directory: '/dev/shm', mode: 0o1777 }],
  check: (jail) => lacksAll(jail, '/dev/shm'),
};
