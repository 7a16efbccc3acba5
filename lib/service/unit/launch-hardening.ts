// Which hardening directives of systemd a compiled launch bears (systemd.exec(5)). Pure.
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { namespacesOf } from '../../launch/request/isolation-value.ts';
import type { NormalRequest } from '../../launch/request/request.ts';
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
  'allow' | 'allowNewPrivs' | 'caps' | 'ephemeral' | 'pidFile' | 'seccomp' | 'view' | 'unshare' | 'isolate'
>;

// Calls of a launch that isolates, and namespaces of every kind that it makes.
const isolatingCalls = '@mount pivot_root setns sethostname unshare';

// A launch that isolates makes namespaces, mounts /proc, sets the name of the host, and writes to /proc/sys. RestrictSUIDSGID= refuses
// openat2(2), by which it opens mounts.
const notIsolating: ReadonlySet<string> = new Set([
  'ProcSubset',
  'ProtectControlGroups',
  'ProtectHostname',
  'ProtectKernelLogs',
  'ProtectKernelTunables',
  'ProtectProc',
  'RestrictNamespaces',
  'RestrictSUIDSGID',
]);
const notNewPrivs: ReadonlySet<string> = new Set(['NoNewPrivileges', 'RestrictSUIDSGID']);

const isIn = (path: string, ...tops: readonly string[]): boolean =>
  tops.some((top) => path === top || path.startsWith(`${top}/`));

const text = (path: Uint8Array | string): string => Buffer.from(path).toString('latin1');

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

// Paths of the host that the service writes. Everything else is read-only.
function writtenPaths({ ephemeral, pidFile, view }: Hardened, jail: string): readonly string[] {
  return [
    jail,
    ...(pidFile === undefined ? [] : [directoryOf(text(pidFile))]),
    ...(ephemeral instanceof Uint8Array || typeof ephemeral === 'string' ? [text(ephemeral)] : []),
    ...view.flatMap((entry) => (entry.kind === 'bind' && !entry.readOnly ? [text(entry.source)] : [])),
  ];
}

/** The settings of the service. `jail` is a byte string. */
export function launchHardening(request: Hardened, jail: string): readonly string[] {
  const isolates = namespacesOf(request as NormalRequest).length > 0;
  const makesDevices = request.view.some(({ kind }) => kind === 'dev');
  const paths = writtenPaths(request, jail);
  const kept = commonHardening.filter((line) => {
    const [name = ''] = line.split('=', 1);
    const isRefused =
      (isolates && notIsolating.has(name)) || (request.allowNewPrivs && notNewPrivs.has(name));
    // PrivateDevices= takes CAP_MKNOD away, with which --dev makes devices
    return !isRefused && !(makesDevices && name === 'PrivateDevices');
  });
  const needsAdmin = isolates || request.allowNewPrivs;
  const caps = [
    ...launcherCaps,
    ...(needsAdmin ? ['sys_admin'] : []),
    ...(isolates ? ['net_admin'] : []), // brings lo up
    ...(makesDevices ? ['mknod'] : []),
    ...request.caps.map((number) => capabilityNames[number] ?? ''),
  ];
  const hasFilter = request.allow.length === 0 && request.seccomp === undefined;
  return [
    ...kept,
    ...(makesDevices ? ['DevicePolicy=closed'] : []),
    ...(paths.some((path) => isIn(path, '/home', '/root', '/run/user')) ? [] : ['ProtectHome=yes']),
    ...(paths.some((path) => isIn(path, '/tmp', '/var/tmp')) ? [] : ['PrivateTmp=yes']),
    ...paths.map((path) => `ReadWritePaths="${path.replaceAll('%', '%%')}"`),
    `CapabilityBoundingSet=${capabilityWords(caps)}`,
    commonFamilies,
    ...(hasFilter
      ? [...commonCalls, `SystemCallFilter=${launcherCalls}${isolates ? ` ${isolatingCalls}` : ''}`]
      : []),
  ];
}
