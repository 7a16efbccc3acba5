// Profiles for tests: podman's, as Debian has it, one with everything that a profile can say, and those of SECCOMP_PROFILES (paths
// with colons between them), such as docker's.
import { existsSync, readFileSync } from 'node:fs';

import { packageDirectory } from '../../launch.ts';

/** Podman's profile: scripts/test unpacks the package. */
export const podmanFile = `${packageDirectory}/build/test/golang-github-containers-common/usr/share/containers/seccomp.json`;

const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'];

/** All actions, comparisons and conditions. */
export const everything = {
  defaultAction: 'SCMP_ACT_KILL_PROCESS',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'],
  flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC'],
  syscalls: [
    { names: ['execve', 'write', 'exit_group', 'read', 'ioctl', 'keyctl'], action: 'SCMP_ACT_ALLOW' },
    { name: 'uname', action: 'SCMP_ACT_LOG' },
    { names: ['getpid'], action: 'SCMP_ACT_TRAP' },
    { names: ['getppid'], action: 'SCMP_ACT_KILL' },
    { names: ['gettid'], action: 'SCMP_ACT_ERRNO', errnoRet: 4095 },
    { names: ['umask'], action: 'SCMP_ACT_ERRNO' },
    ...operators.map((operator, i) => ({
      names: ['prctl', 'fcntl'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 100 + i,
      args: [
        { index: i % 6, value: 0x12345600000010 + i, valueTwo: 0x10, op: `SCMP_CMP_${operator}` },
        { index: (i + 1) % 6, value: 7, op: 'SCMP_CMP_NE' },
      ],
    })),
    // alternatives, as both are about one argument
    {
      names: ['lseek'],
      action: 'SCMP_ACT_ALLOW',
      args: [
        { index: 2, value: 0, op: 'SCMP_CMP_EQ' },
        { index: 2, value: 2, op: 'SCMP_CMP_EQ' },
      ],
    },
    // without tests it counts first, wherever it stands
    { names: ['dup'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
    { names: ['dup'], action: 'SCMP_ACT_ERRNO', errnoRet: 9 },
    { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['bpf'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } },
    { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
    { names: ['kcmp'], action: 'SCMP_ACT_ALLOW', excludes: { minKernel: '4.8' } },
    { names: ['chroot'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_TIME'] } },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64', 'x86'] } },
    { names: ['bind'], action: 'SCMP_ACT_ALLOW', excludes: { arches: ['arm64'] } },
    { names: ['made_up_by_a_later_kernel', 's390_runtime_instr'], action: 'SCMP_ACT_ALLOW' },
    { names: ['mseal'], action: 'SCMP_ACT_ALLOW' },
  ],
};

const others = (process.env.SECCOMP_PROFILES ?? '').split(':').filter((file) => file !== '');

/** Published profiles. */
export const profileFiles = [podmanFile, ...others].filter(existsSync);

export const profiles = [
  { file: 'everything.json', text: JSON.stringify(everything) },
  ...profileFiles.map((file) => ({ file, text: readFileSync(file, 'utf8') })),
];
