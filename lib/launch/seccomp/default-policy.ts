// The calls that no ordinary program needs, in groups by what they are for. --isolate refuses them, and --allow gives them back,
// one by one or as a group. Pure.
import { always, closed, equals, low32, type Policy, type Verdict } from './policy.ts';
import { answers, ENOSYS, EPERM, EPROTONOSUPPORT, refusal } from './seccomp-data.ts';

const EAFNOSUPPORT = 97;

/** Calls by group, in the order of the manual. */
export const callGroups = {
  bpf: 'bpf',
  chroot: 'chroot',
  clock: 'clock_settime clock_settime64 settimeofday stime',
  debug: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  fanotify: 'fanotify_init',
  handles: 'name_to_handle_at open_by_handle_at',
  host:
    'acct ioperm iopl kexec_file_load kexec_load pciconfig_iobase pciconfig_read pciconfig_write quotactl quotactl_fd reboot ' +
    'setdomainname sethostname swapoff swapon syslog vhangup',
  'io-uring': 'io_uring_enter io_uring_register io_uring_setup',
  keyring: 'add_key keyctl request_key',
  modules: 'create_module delete_module finit_module get_kernel_syms init_module query_module',
  mount:
    'fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root umount umount2',
  namespaces: 'clone clone3 setns unshare',
  numa: 'migrate_pages move_pages',
  obsolete:
    '_sysctl afs_syscall bdflush lookup_dcookie modify_ldt nfsservctl sysfs uselib ustat vm86 vm86old',
  perf: 'perf_event_open',
  personality: 'personality',
  sockets: 'socket socketcall socketpair',
  terminal: 'ioctl',
  userfaultfd: 'userfaultfd',
} as const;

// The C library tries another call if one of these answers so.
const unknown = new Set(['clone3', 'socketcall', ...callGroups.obsolete.split(' ')]);

const allow = answers.allow;
const refuse = refusal(EPERM);

// linux/sched.h: CLONE_NEWNS, CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; of unshare CLONE_NEWTIME too. clone(2) takes
// the lowest eight bits for a signal. The flags of clone3(2) lie in memory, which no filter can read.
const newNamespaces = 0x7e020000n;
const newTime = 0x80n;

// sys/socket.h, linux/net.h, linux/netlink.h
const [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] = [1, 2, 10, 16];
const SOCK_PACKET = 10;
const typeMask = 0xfn;
const NETLINK_ROUTE = 0;

const permit = (...tests: Verdict['cases'][number]['tests']): Verdict['cases'][number] => ({
  tests,
  answer: allow,
});

// The kernel takes the arguments of all of these but unshare as 32 bits.
const conditional: Readonly<Record<string, Verdict>> = {
  clone: { cases: [permit(equals(0, 0, newNamespaces))], otherwise: refuse },
  unshare: { cases: [permit(equals(0, 0, newNamespaces | newTime))], otherwise: refuse },
  personality: {
    // PER_LINUX, PER_LINUX32, UNAME26 with either, and the question for the persona (personality(2))
    cases: [0, 0x8, 0x20000, 0x20008, 0xffffffff].map((persona) => permit(equals(0, persona, low32))),
    otherwise: refuse,
  },
  socket: {
    cases: [
      // another name of AF_PACKET (packet(7), NOTES)
      { tests: [equals(1, SOCK_PACKET, typeMask)], answer: refuse },
      ...[AF_UNIX, AF_INET, AF_INET6].map((family) => permit(equals(0, family, low32))),
      permit(equals(0, AF_NETLINK, low32), equals(2, NETLINK_ROUTE, low32)),
      // libaudit takes this for a kernel without auditing, and goes on
      { tests: [equals(0, AF_NETLINK, low32)], answer: refusal(EPROTONOSUPPORT) },
    ],
    otherwise: refusal(EAFNOSUPPORT),
  },
  socketpair: { cases: [permit(equals(0, AF_UNIX, low32))], otherwise: refusal(EAFNOSUPPORT) },
};

function verdictOf(call: string): Verdict {
  return conditional[call] ?? always(unknown.has(call) ? refusal(ENOSYS) : refuse);
}

const refusedCalls = Object.values(callGroups)
  .flatMap((calls) => calls.split(' '))
  // its requests are among the rules that every launch has
  .filter((call) => call !== 'ioctl');

/** The calls that --isolate refuses. Calls that are newer than this program do not exist. */
export const isolatePolicy: Policy = {
  verdicts: new Map(refusedCalls.map((call) => [call, verdictOf(call)])),
  otherwise: allow,
  newer: { than: 'known', answer: refusal(ENOSYS) },
  closed,
  allows32bit: false,
};

/** A launch without --isolate and --seccomp: it refuses only the calls that every launch refuses. */
export const barePolicy: Policy = {
  verdicts: new Map(),
  otherwise: allow,
  newer: { than: 'known', answer: allow },
  closed,
  allows32bit: true,
};
