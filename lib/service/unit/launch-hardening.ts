// Chooses the hardening directives of systemd with which a launch still works (systemd.exec(5)). Pure.
import { type BytePath, bytePath, isWithin, parentPath } from '../../tree/path.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { needsCgroup } from '../../launch/request/limit-rows.ts';
import { namespacesOf } from '../../launch/request/isolation-value.ts';
import type { NormalRequest } from '../../launch/request/request.ts';
import { mayActAsRoot } from '../../launch/request/rights.ts';
import { wordSet } from '../../words/word-list.ts';
import {
  capabilityWords,
  commonCalls,
  commonFamilies,
  commonHardening,
  launcherCalls,
  launcherCaps,
} from './hardening.ts';

type Hardened = Pick<
  NormalRequest,
  | 'allowRoot'
  | 'rootless'
  | 'allow'
  | 'allowNewPrivs'
  | 'caps'
  | 'ephemeral'
  | 'pidFile'
  | 'seccomp'
  | 'view'
  | 'unshare'
  | 'isolate'
  | 'memory'
  | 'swap'
  | 'pids'
  | 'cpu'
  | 'ioWeight'
  | 'connectTo'
>;

// Calls of a launch with namespaces.
const isolatingCalls = '@mount pivot_root setns sethostname unshare';

// These directives refuse what a launch with namespaces does: it makes the namespaces, mounts /proc, sets the name of the host, and writes
// to /proc/sys. It opens mounts by openat2(2), which RestrictSUIDSGID= refuses.
const notIsolating: ReadonlySet<string> = wordSet(`
  ProcSubset ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelTunables ProtectProc
  RestrictNamespaces RestrictSUIDSGID
`);
const notNewPrivs: ReadonlySet<string> = new Set(['NoNewPrivileges', 'RestrictSUIDSGID']);
// A launch with limits makes a cgroup below /sys/fs/cgroup. The program is born in it by clone3(2), which RestrictNamespaces= refuses.
const notLimiting: ReadonlySet<string> = new Set(['ProtectControlGroups', 'RestrictNamespaces']);
// After a failure uchroot looks into the jail by openat2(2), to find the reason. A compiled launcher does not.
const notLooking: ReadonlySet<string> = new Set(['RestrictSUIDSGID']);

// An overlay works with the rights of the process that has mounted it: it copies files of all owners, and their attributes
// (Documentation/filesystems/overlayfs.rst, "Permission model").
const overlayCaps = ['chown', 'dac_override', 'fowner', 'fsetid', 'mknod', 'setfcap'];

// The purpose of each capability that the program keeps, and the directives that would defeat it.
const uses: Readonly<
  Record<string, { readonly refusedBy?: string; readonly calls?: string; readonly family?: string }>
> = {
  mknod: { refusedBy: 'PrivateDevices' },
  net_raw: { family: 'AF_PACKET' },
  sys_admin: { calls: '@mount' },
  sys_module: { refusedBy: 'ProtectKernelModules', calls: '@module' },
  sys_nice: { refusedBy: 'RestrictRealtime' },
  sys_rawio: { refusedBy: 'PrivateDevices', calls: '@raw-io' },
  sys_time: { refusedBy: 'ProtectClock', calls: '@clock' },
  syslog: { refusedBy: 'ProtectKernelLogs', calls: 'syslog' },
};

const isIn = (path: string, ...tops: readonly string[]): boolean => tops.some((top) => isWithin(path, top));

// Paths of the host that the service writes. Everything else is read-only.
function writtenPaths({ ephemeral, pidFile, view }: Hardened, jail: string): readonly string[] {
  return [
    jail,
    ...(pidFile === undefined ? [] : [parentPath(bytePath(pidFile))]),
    ...(ephemeral instanceof Uint8Array ? [bytePath(ephemeral)] : []),
    ...view.flatMap((entry) => (entry.kind === 'bind' && !entry.readOnly ? [bytePath(entry.source)] : [])),
  ];
}

// Paths of the host that are read.
function readPaths({ seccomp, view }: Hardened): readonly string[] {
  return [
    ...(seccomp?.file === undefined ? [] : [seccomp.file]),
    ...view.flatMap((entry) => (entry.kind === 'bind' ? [bytePath(entry.source)] : [])),
  ];
}

const inQuotes = (path: string): string => path.replaceAll('%', '%%').replaceAll(/["\\]/g, String.raw`\$&`);

/**
 * The settings of the service.
 *
 * @param jail a byte string
 * @param starter byte strings: a compiled launcher; or the words of Node's command, and the directory of its code, since a link can lead
 *   there
 * @param isClosed whether root can reach a path only with CAP_DAC_READ_SEARCH
 * @param wayTo the directories and links through which a path leads; byte strings
 */
export function launchHardening(
  request: Hardened,
  jail: string,
  starter: string | readonly string[],
  isClosed: (path: BytePath) => boolean,
  wayTo: (path: BytePath) => readonly string[],
): readonly string[] {
  const isolates = namespacesOf(request as NormalRequest).length > 0;
  const makesDevices = request.view.some(({ kind }) => kind === 'dev');
  const paths = writtenPaths(request, jail);
  const named = [...paths, ...readPaths(request), ...[starter].flat()];
  const seen = [...named, ...named.flatMap((path) => wayTo(path as BytePath))];
  const kept = request.caps.map((number) => capabilityNames[number] ?? '');
  const used = kept.flatMap((cap) => uses[cap] ?? []);
  const hardening = commonHardening.filter((line) => {
    const [name = ''] = line.split('=');
    const isRefused =
      (isolates && notIsolating.has(name)) ||
      (request.allowNewPrivs && notNewPrivs.has(name)) ||
      (needsCgroup(request) && notLimiting.has(name)) ||
      (typeof starter !== 'string' && notLooking.has(name)) ||
      used.some(({ refusedBy }) => refusedBy === name);
    // PrivateDevices= takes CAP_MKNOD away, with which --dev makes devices
    return !isRefused && !(makesDevices && name === 'PrivateDevices');
  });
  const needsAdmin = isolates || request.allowNewPrivs;
  const caps = [
    ...launcherCaps,
    ...(needsAdmin ? ['sys_admin'] : []),
    ...(isolates ? ['net_admin'] : []), // brings lo up
    ...(request.connectTo.length > 0 ? ['net_bind_service'] : []), // of the name server and the relay, in the new network
    ...(makesDevices ? ['mknod'] : []),
    ...(request.ephemeral === undefined ? [] : overlayCaps),
    ...(seen.some((path) => isClosed(path as BytePath)) ? ['dac_read_search'] : []),
    ...kept,
  ];
  const hasFilter = request.allow.length === 0 && request.seccomp === undefined;
  const calls = [
    launcherCalls,
    ...(isolates ? [isolatingCalls] : []),
    ...used.flatMap(({ calls = [] }) => calls),
  ];
  return [
    ...hardening,
    ...(makesDevices ? ['DevicePolicy=closed'] : []),
    ...(seen.some((path) => isIn(path, '/home', '/root', '/run/user')) ? [] : ['ProtectHome=yes']),
    ...(seen.some((path) => isIn(path, '/tmp', '/var/tmp')) ? [] : ['PrivateTmp=yes']),
    ...paths.map((path) => `ReadWritePaths="${inQuotes(path)}"`),
    // an update copies from the host what the records of uchroot-jail name: the program must not change them
    ...(mayActAsRoot(request) ? [`ReadOnlyPaths="-${inQuotes(`${jail}/.uchroot`)}"`] : []),
    `CapabilityBoundingSet=${capabilityWords(caps)}`,
    `RestrictAddressFamilies=${[...commonFamilies, ...used.flatMap(({ family = [] }) => family)].join(' ')}`,
    ...(hasFilter ? [...commonCalls, `SystemCallFilter=${calls.join(' ')}`] : []),
  ];
}
