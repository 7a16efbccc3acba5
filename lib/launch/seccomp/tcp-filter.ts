// The seccomp filter of --connect-tcp and --bind-tcp: it closes the ways to TCP that Landlock does not see. Pure.
import { ENOENT } from '../../words/errno-numbers.ts';
import { BpfProgram, type Place } from './bpf-program.ts';
import {
  answers,
  auditArchitectures,
  ENOSYS,
  EPERM,
  EPROTONOSUPPORT,
  offsetOf,
  refusal,
} from './seccomp-data.ts';

// Calls by number. Not from call-numbers.ts, which is large.
interface Numbers {
  readonly architecture: number;
  readonly socket: number;
  readonly setsockopt: number;
  readonly sendto: number;
  readonly sendmsg: number;
  readonly sendmmsg: number;
  /** One call for all of them, with the arguments in memory, which no filter can read. */
  readonly socketcall?: number;
}

// asm/unistd_64.h, asm/unistd_32.h; asm-generic/unistd.h, arch/arm/tools/syscall.tbl
const x64: Numbers = {
  architecture: auditArchitectures.x64,
  socket: 41,
  setsockopt: 54,
  sendto: 44,
  sendmsg: 46,
  sendmmsg: 307,
};
const i386: Numbers = {
  architecture: auditArchitectures.i386,
  socket: 359,
  setsockopt: 366,
  sendto: 369,
  sendmsg: 370,
  sendmmsg: 345,
  socketcall: 102,
};
const arm64: Numbers = {
  architecture: auditArchitectures.arm64,
  socket: 198,
  setsockopt: 208,
  sendto: 206,
  sendmsg: 211,
  sendmmsg: 269,
};
const arm: Numbers = {
  architecture: auditArchitectures.arm,
  socket: 281,
  setsockopt: 294,
  sendto: 290,
  sendmsg: 296,
  sendmmsg: 374,
};
// The same in every table. A ring makes sockets and sends without a system call.
const io_uring_setup = 425;

// sys/socket.h, netinet/in.h
const [AF_INET, AF_INET6, AF_SMC] = [2, 10, 43];
const SOCK_STREAM = 1;
const typeMask = 0xf;
const IPPROTO_TCP = 6;
const MSG_FASTOPEN = 0x20000000;
// linux/tcp.h
const TCP_ULP = 31;

const EOPNOTSUPP = 95;

function build(native: Numbers, compat: Numbers): Buffer {
  const program = new BpfProgram();
  const allow = program.answer(answers.allow);
  const refuse = program.answer(refusal(EPERM));
  const unknown = program.answer(refusal(ENOSYS));
  // A kernel without them answers so, and programs go on with TCP.
  const noProtocol = program.answer(refusal(EPROTONOSUPPORT));
  const noFastOpen = program.answer(refusal(EOPNOTSUPP));
  const noLayer = program.answer(refusal(ENOENT));

  // Multipath TCP and SMC fall back to TCP if the other side knows only that (RFC 8684, RFC 7609).
  const isTcp = program.ifEqual(0, allow, program.ifEqual(IPPROTO_TCP, allow, noProtocol));
  const protocol = program.load(offsetOf.argument(2), isTcp);
  const isStream = program.keepBits(typeMask, program.ifEqual(SOCK_STREAM, protocol, allow));
  const type = program.load(offsetOf.argument(1), isStream);
  const isInternet = program.ifEqual(AF_INET, type, program.ifEqual(AF_INET6, type, allow));
  const family = program.ifEqual(AF_SMC, noProtocol, isInternet);
  const socket = program.load(offsetOf.argument(0), family);

  // The layer `smc` makes another socket of a TCP one (smc_ulp_init() in net/smc/af_smc.c). Its name is in memory: TLS goes too, and
  // programs encrypt by themselves.
  const option = program.load(offsetOf.argument(2), program.ifEqual(TCP_ULP, noLayer, allow));
  const setsockopt = program.load(offsetOf.argument(1), program.ifEqual(IPPROTO_TCP, option, allow));

  // It connects without connect(2) (RFC 7413; tcp_sendmsg_fastopen() in net/ipv4/tcp.c).
  const sending = (flags: number): Place => {
    const isFastOpen = program.keepBits(MSG_FASTOPEN, program.ifEqual(MSG_FASTOPEN, noFastOpen, allow));
    return program.load(offsetOf.argument(flags), isFastOpen);
  };
  const sendmsg = sending(2);
  const sendto = sending(3);

  type Rule = readonly [number: number, place: Place];
  // A search tree: the kernel tries a filter on every number when it is installed (seccomp_cache_prepare() in kernel/seccomp.c).
  const tree = (rules: readonly Rule[]): Place => {
    const middle = rules.length >> 1;
    const [number, place] = rules[middle] ?? [0, allow];
    if (rules.length === 1) return program.ifEqual(number, place, allow);
    return program.ifAtLeast(number, tree(rules.slice(middle)), tree(rules.slice(0, middle)));
  };
  const rulesOf = (numbers: Numbers): Place => {
    const rules: readonly Rule[] = [
      [numbers.socket, socket],
      [numbers.setsockopt, setsockopt],
      [numbers.sendto, sendto],
      [numbers.sendmsg, sendmsg],
      [numbers.sendmmsg, sendto],
      [io_uring_setup, refuse],
      ...(numbers.socketcall === undefined ? [] : [[numbers.socketcall, unknown] as const]),
    ];
    return program.load(offsetOf.number, tree(rules.toSorted(([a], [b]) => a - b)));
  };
  // An argument is read for nothing: there the trial ends. So only the few 32-bit programs pay for their table.
  const compatRules = program.load(offsetOf.argument(0), rulesOf(compat));
  const nativeRules = rulesOf(native);
  const otherTable = program.answer(answers.killProcess);
  const isCompat = program.ifEqual(compat.architecture, compatRules, otherTable);
  program.load(offsetOf.architecture, program.ifEqual(native.architecture, nativeRules, isCompat));
  return program.bytes();
}

/** The filter as an array of `struct sock_filter`. `architecture` is one that smallFilter() accepts. */
export function tcpFilter(architecture: string): Buffer {
  return architecture === 'arm64' ? build(arm64, arm) : build(x64, i386);
}
