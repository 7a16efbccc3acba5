// The shell that the C library starts.

import type { BytePath } from '../../binary/path.ts';
import { failureOf, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const shell: Pack = {
  name: 'shell',
  summary: '/bin/sh, for programs that run commands through it',
  when: {
    imports: ['system', 'popen', 'wordexp'],
    executables: /^node(?:js)?$/, // exec() of node:child_process
    // execve("/bin/sh"), as C has a string
    texts: ['/bin/sh\0'],
  },
  parts: [{ path: '/bin/sh' }],
  check: (jail) => lacksAll(jail, '/bin/sh') ?? failureOf(jail, '/bin/sh' as BytePath, '-c', ':'),
};
