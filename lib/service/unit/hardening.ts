// Hardening settings of systemd with which every launch works (systemd.exec(5)). Pure.

import { words } from '../../words/word-list.ts';

/** The capabilities that the launcher needs before the program runs, to enter the jail and to change its ids. */
export const launcherCaps: readonly string[] = ['sys_chroot', 'setuid', 'setgid', 'setpcap'];

/** The calls of the launcher that SystemCallFilter=@system-service may lack. */
export const launcherCalls =
  'chroot capset setfsuid setfsgid setgroups setresgid setresuid ioprio_set prlimit64 sched_setaffinity sched_setscheduler setpriority';

/** Directives that suit every daemon in a jail, in the order of systemd.exec(5). */
export const commonHardening: readonly string[] = words(`
  NoNewPrivileges=yes PrivateDevices=yes ProtectSystem=strict ProtectClock=yes ProtectControlGroups=yes
  ProtectHostname=yes ProtectKernelLogs=yes ProtectKernelModules=yes ProtectKernelTunables=yes
  ProtectProc=invisible ProcSubset=pid LockPersonality=yes RestrictRealtime=yes RestrictSUIDSGID=yes
  RestrictNamespaces=yes SystemCallArchitectures=native
`);

/** Sockets of ordinary services. */
export const commonFamilies: readonly string[] = ['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK'];

/** The calls of ordinary services. All others answer EPERM. No filter, such as RestrictSUIDSGID=, sees what io_uring(7) does. */
export const commonCalls: readonly string[] = [
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register',
  'SystemCallErrorNumber=EPERM',
];

/** Names as systemd writes them: `CAP_KILL CAP_SETUID`. */
export function capabilityWords(caps: readonly string[]): string {
  return [...new Set(caps)]
    .map((cap) => `CAP_${cap.toUpperCase()}`)
    .toSorted()
    .join(' ');
}
