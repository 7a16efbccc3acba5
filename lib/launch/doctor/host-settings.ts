// Finds the settings of this host that refuse namespaces to an ordinary user, in the order in which the kernel looks at them, and says how
// to allow them. Pure but for readSettings().
import { readFileSync } from 'node:fs';

import { readMounts } from '../../tree/mountinfo.ts';
import { lookOr } from '../../words/system-error.ts';

/** Settings of the host and of this process, as the kernel prints them; undefined if the kernel has no such setting. */
export interface Settings {
  /** user.max_user_namespaces */
  readonly maxUserNamespaces: string | undefined;
  /** kernel.unprivileged_userns_clone, of Debian's older kernels. */
  readonly usernsClone: string | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns, of Ubuntu's kernels. */
  readonly apparmorRestricts: string | undefined;
  /** The AppArmor profile of this process. */
  readonly apparmorProfile: string | undefined;
  /** Of /proc/self/status: 2 for a filter. */
  readonly seccomp: string | undefined;
  /** Mount points of this process. */
  readonly mountPoints: readonly string[];
  /** Path of the executable that makes the namespaces. */
  readonly executable: string;
}

const read = (path: string): string | undefined =>
  lookOr(undefined, () => readFileSync(path, 'latin1').replaceAll('\0', '').trim());

/** The settings now. */
export function readSettings(): Settings {
  const mounts = read('/proc/self/mountinfo') ?? '';
  return {
    maxUserNamespaces: read('/proc/sys/user/max_user_namespaces'),
    usernsClone: read('/proc/sys/kernel/unprivileged_userns_clone'),
    apparmorRestricts: read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    apparmorProfile: read('/proc/self/attr/apparmor/current') ?? read('/proc/self/attr/current'),
    seccomp: /^Seccomp:\s*(\d)/m.exec(read('/proc/self/status') ?? '')?.[1],
    mountPoints: readMounts(Buffer.from(mounts, 'latin1')).map(({ point }) => point),
    executable: process.execPath,
  };
}

/** A cause, and what an administrator does about it. */
export interface Cause {
  readonly reason: string;
  readonly remedy: string;
}

// apparmor.d(5); the same as Ubuntu has for bwrap and browsers.
const apparmorProfile = (executable: string): string =>
  `as root: printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile uchroot-node ${executable} flags=(unconfined) {\\n  userns,\\n}\\n' >/etc/apparmor.d/uchroot-node && apparmor_parser -r /etc/apparmor.d/uchroot-node   (it allows user namespaces to all programs of ${executable}; for all programs of the host: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)`;

const keep = (setting: string): string =>
  `as root: sysctl -w ${setting}   (to keep it: echo ${setting} >/etc/sysctl.d/50-uchroot.conf)`;

/** Why this host refuses a user namespace, or makes one without privileges; undefined if no setting explains it. */
export function whyNoUserNamespace(settings: Settings): Cause | undefined {
  const { maxUserNamespaces, usernsClone, apparmorRestricts, apparmorProfile: profile, seccomp } = settings;
  if (maxUserNamespaces === '0')
    return { reason: 'user.max_user_namespaces is 0', remedy: keep('user.max_user_namespaces=15000') };
  if (usernsClone === '0')
    return {
      reason: 'kernel.unprivileged_userns_clone is 0',
      remedy: keep('kernel.unprivileged_userns_clone=1'),
    };
  if (!settings.mountPoints.includes('/'))
    return {
      reason:
        'the root directory of this process is no mount: in a chroot the kernel makes no user namespace',
      remedy: 'start it outside of the chroot, or make the chroot by pivot_root(2) or a container',
    };
  if (apparmorRestricts === '1')
    return {
      reason:
        'kernel.apparmor_restrict_unprivileged_userns is 1, and no AppArmor profile allows it to this program',
      remedy: apparmorProfile(settings.executable),
    };
  if (seccomp === '2')
    return {
      reason: 'a filter of system calls refuses it to this process, as the default one of a container does',
      remedy:
        'docker, podman: run the container with --security-opt seccomp=FILE, a profile that allows clone, unshare, mount, umount2, pivot_root, setns, fsopen, fsconfig, fsmount, move_mount, open_tree and mount_setattr; Kubernetes: seccompProfile of type Localhost with that file',
    };
  if (profile !== undefined && profile !== '' && !profile.startsWith('unconfined'))
    return confinedBy(profile);
  return undefined;
}

function confinedBy(profile: string): Cause {
  return {
    reason: `the profile ${profile} of the security module refuses it`,
    remedy:
      'docker, podman: run the container with --security-opt apparmor=unconfined, or a profile with `userns,` and `mount,`',
  };
}

/** Why a mount is refused in a new user namespace; undefined if no setting explains it. */
export function whyNoMount({ apparmorProfile: profile, seccomp, mountPoints }: Settings): Cause | undefined {
  if (profile !== undefined && profile !== '' && !profile.startsWith('unconfined'))
    return confinedBy(profile);
  if (seccomp === '2') return whyNoUserNamespace({ ...emptySettings, seccomp, mountPoints });
  return undefined;
}

const emptySettings: Settings = {
  maxUserNamespaces: undefined,
  usernsClone: undefined,
  apparmorRestricts: undefined,
  apparmorProfile: undefined,
  seccomp: undefined,
  mountPoints: ['/'],
  executable: '',
};

/** Why no proc(5) can be mounted: what lies on the one of the host; undefined if nothing does. */
export function whyNoProc({ mountPoints }: Settings): Cause | undefined {
  const masks = mountPoints.filter((point) => point.startsWith('/proc/'));
  if (masks.length === 0) return undefined;
  const some = masks.slice(0, 3).join(', ');
  return {
    reason: `/proc is masked: ${some}${masks.length > 3 ? ` and ${masks.length - 3} more` : ''} are mounts`,
    remedy:
      'docker, podman: run the container with --security-opt systempaths=unconfined (podman: unmask=ALL); Kubernetes: procMount: Unmasked with hostUsers: false',
  };
}
