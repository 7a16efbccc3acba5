// Processes in the jail that are nearly root.

import { bytePath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const processCapabilities: Rule = {
  id: 'process-capabilities',
  group: 'running',
  severity: 'error',
  summary: 'A process in the jail that is not root has capabilities.',
  attack:
    'CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_MKNOD, CAP_DAC_READ_SEARCH and others are each enough to leave (capabilities(7)); ' +
    'the ambient ones go to every program that it starts.',
  remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail
      .processes()
      .filter(({ uids, capabilities }) => !uids.includes(0) && capabilities !== 0n)
      .map(({ pid, name, capabilities }) => ({
        path: bytePath('/'),
        message: `process ${pid} (${name}) has capabilities (0x${capabilities.toString(16)})`,
        remedy: restarted(pid),
      })),
};
