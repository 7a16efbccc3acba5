// Rows of the steps that make namespaces, and set up what belongs to a new one.
import { namespaceFlags } from '../request/isolation-value.ts';
import type { Step } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

// linux/prctl.h
const PR_SET_DUMPABLE = 4;
export const SIGKILL = 9;

const needsAdmin = (call: string) => ({
  hint: `${call} needs CAP_SYS_ADMIN: give it to the container or unit that runs uchroot, and see that no seccomp filter refuses the call (docker: --cap-add SYS_ADMIN --security-opt seccomp=...); --landlock works without it`,
});

/** Words for a call that has returned success without an effect. */
export const lie = {
  EBADE: {
    reason: 'it answers that it was done, and nothing is done',
    hint: 'a seccomp filter answers for the kernel: run uchroot without that filter',
  },
};

const noProc = {
  reason: '/proc/sys cannot be written, and no proc(5) of its own can be made',
  hint: 'docker, podman: run the container with --security-opt systempaths=unconfined; see that no seccomp filter refuses fsopen',
};

export const namespaceRows = {
  unshare: {
    op: 41,
    call: 'unshare',
    object: ({ namespaces }) => namespaces.join(','),
    purpose: ({ namespaces }: Step & { op: 'unshare' }) =>
      `own ${namespaces.length === 1 ? 'namespace' : 'namespaces'}: nothing of the host's`,
    needs: 'CAP_SYS_ADMIN',
    flags: {
      cloned: ({ cloned }) => cloned === true,
      network: ({ namespaces }) => namespaces.includes('net'),
    },
    encode: ({ namespaces, copies }) => ({
      a: namespaces.reduce((sum, name) => sum + namespaceFlags[name], 0),
      b: copies === true ? 0 : 1,
    }),
    failures: {
      ...lie,
      EPERM: needsAdmin('unshare'),
      ENOSPC: {
        reason: 'this user has as many namespaces as it may',
        hint: 'raise the limits in /proc/sys/user, such as user.max_pid_namespaces and user.max_net_namespaces',
      },
      EINVAL: {
        reason: 'the kernel lacks one of these kinds of namespaces',
        hint: 'ls /proc/self/ns lists what it has',
      },
    },
  },
  setns: {
    op: 54,
    call: 'setns',
    object: ({ namespaces }) => namespaces.join(','),
    purpose: 'into namespaces that the open jail keeps',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ namespaces }) => ({ data: Uint32Array.from(namespaces, (name) => namespaceFlags[name]) }),
    failures: lie,
  },
  end_with_parent: {
    op: 27,
    call: 'prctl',
    object: () => 'PR_SET_PDEATHSIG 9',
    purpose: 'the jail ends with the process that started it',
    encode: () => ({ a: SIGKILL }),
  },
  not_dumpable: {
    op: 25,
    call: 'prctl',
    object: () => 'PR_SET_DUMPABLE 0',
    purpose: 'the program cannot read or trace this process',
    encode: () => ({ a: PR_SET_DUMPABLE, b: 0 }),
  },
  loopback_up: {
    op: 42,
    call: 'ioctl',
    object: () => 'SIOCSIFFLAGS lo',
    purpose: 'the network is lo alone',
    needs: 'CAP_NET_ADMIN',
  },
  sethostname: {
    op: 43,
    call: 'sethostname',
    object: ({ name }) => name,
    purpose: 'name of the host',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ name }) => ({ data: Buffer.from(name) }),
  },
  // Kernels before 6.3 have no vm.memfd_noexec.
  sysctl: {
    op: 44,
    call: 'write',
    object: ({ path, value }) => `${path} ${value}`,
    purpose: 'files in memory cannot be executed (memfd_create(2))',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ path, value }) => ({ a: 1, data: Buffer.from(`${path}\0${value}`) }),
    failures: { ...lie, EROFS: noProc, EPERM: noProc, EACCES: noProc },
  },
} satisfies SomeStepRows;
