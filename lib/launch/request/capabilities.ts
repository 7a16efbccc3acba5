// Capabilities by name (capabilities(7); numbers from linux/capability.h).

/** Names in the order of their numbers, without `cap_`. */
// prettier-ignore
export const capabilityNames = [
  'chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap',
  'linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner',
  'sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice',
  'sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease', 'audit_write', 'audit_control', 'setfcap',
  'mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf',
  'checkpoint_restore',
] as const;

/** The number of a capability named `net_bind_service`, `CAP_NET_BIND_SERVICE` or alike; undefined if unknown. */
export function capabilityNumber(name: string): number | undefined {
  const plain = name.toLowerCase().replace(/^cap_/, '');
  const found = (capabilityNames as readonly string[]).indexOf(plain);
  return found < 0 ? undefined : found;
}

/** The man page's name: `CAP_SETUID`. */
export function capabilityName(capability: number): string {
  return `CAP_${(capabilityNames[capability] ?? String(capability)).toUpperCase()}`;
}

/** Bit mask of capabilities, as the kernel's sets have it: a whole number below 2^53, which has room for all 41. */
export function capabilityMask(capabilities: readonly number[]): number {
  return capabilities.reduce((mask, capability) => mask + 2 ** capability, 0);
}
