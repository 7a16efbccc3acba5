// Sockets that systemd has opened for this process: sd_listen_fds(3).

/** A descriptor, and its name (FileDescriptorName= in systemd.socket(5)). */
export interface ActivatedSocket {
  readonly fd: number;
  readonly name: string;
}

/** The sockets of an environment, from descriptor 3 on; none if they are for another process. */
export function activatedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly ActivatedSocket[] {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = env;
  if (LISTEN_PID !== String(pid) || !/^[1-9][0-9]{0,3}$/.test(LISTEN_FDS)) return [];
  const names = LISTEN_FDNAMES.split(':');
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({ fd: 3 + i, name: names[i] || 'unknown' }));
}
