// Rows of the steps about open descriptors: which of them the program gets.
import { lie } from './namespaces.ts';
import type { Step } from './step.ts';
import type { FailureWords, SomeStepRows } from './step-row.ts';

const isDirectory: FailureWords<Step> = {
  reason: 'is an open directory of the host, which is a way out of the jail',
  hint: 'close it, or redirect it to a file',
};

const oldKernel: FailureWords<Step> = { hint: 'uchroot needs Linux 5.11 or later' };

export const descriptorRows = {
  stdio: {
    op: 11,
    call: 'fcntl',
    object: ({ fd }) => `descriptor ${fd}`,
    purpose: 'open (else /dev/null), blocking, inherited',
    encode: ({ fd, replacesNull }) => ({ a: fd, b: replacesNull === true ? 1 : 0 }),
    failures: { EISDIR: isDirectory },
    // a child shares the flags of 0 to 2 with its parent (open(2), "Open file descriptions")
    rehearse: () => undefined,
  },
  close_range: {
    op: 12,
    call: 'close_range',
    object: ({ first }) => `descriptors from ${first} on`,
    purpose: 'closed by execve',
    encode: ({ first }) => ({ a: first }),
    failures: { ...lie, ENOSYS: oldKernel, EINVAL: oldKernel },
  },
  keep_fd: {
    op: 13,
    call: 'fcntl',
    object: ({ fd }) => `descriptor ${fd}`,
    purpose: 'kept open for the program',
    flags: { descriptor: true },
    encode: ({ fd }) => ({ a: fd }),
    failures: {
      EISDIR: isDirectory,
      EBADF: {
        reason: 'is not open',
        hint: 'open it before uchroot is started; sudo closes descriptors above 2 (sudo -C)',
      },
    },
  },
  keep_listen_fds: {
    op: 37,
    call: 'fcntl',
    object: () => 'descriptors 3 to 2+LISTEN_FDS',
    subject: ({ detail }) => `descriptor ${detail}`,
    purpose: 'those of socket activation, kept open for the program',
    failures: {
      EISDIR: isDirectory,
      EBADF: {
        reason: 'is not open',
        hint: 'LISTEN_FDS says that it is: see the socket unit, or whoever started this',
      },
    },
  },
  write: {
    op: 35,
    call: 'write',
    object: ({ fd }) => `descriptor ${fd}`,
    purpose: 'status',
    flags: { ownPid: true, descriptor: true },
    encode: ({ fd, bytes }) => ({ a: fd, data: bytes }),
    failures: {
      EBADF: {
        reason: 'is not open for writing',
        hint: '--status-fd takes a descriptor that is open before uchroot is started',
      },
    },
    // nothing has started
    rehearse: () => undefined,
  },
} satisfies SomeStepRows;
