// Rules about the way to the jail, its root directory, and the file systems that it lies on.

import { constants, readFileSync } from 'node:fs';

import { bytePath, type BytePath, showPath, trimSlashes } from '../../../tree/path.ts';
import { openFileRoot } from '../../../tree/root.ts';
import { isOrdinary } from '../../../trust/owner.ts';
import { remedyOf, type WayComponent, type WayFinding } from '../../../trust/way.ts';
import { octal } from '../../../trust/writer.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { mountOf, unescapeMount, type Mount } from '../../../tree/mountinfo.ts';
import { lookOr } from '../../../words/system-error.ts';
import { mountsIn } from '../../host/mounts.ts';
import { STORE } from '../../manifest/layout.ts';
import { closing } from '../../work/closing.ts';
import { errorRule, type Fix, type Found, inGroup, noteRule, type Rule, warningRule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { looseOn, wordsOf } from '../../search/jail-writers.ts';
import { decision, remounted } from '../remedies.ts';

/** Tells the findings of lib/trust for which `isAbout` is true. */
function onWay(isAbout: (finding: WayFinding) => boolean): Pick<Required<Rule>, 'isQuick' | 'look'> {
  return {
    isQuick: true,
    look: (jail) => jail.wayFindings.filter(isAbout).map((finding) => toFound(finding, jail)),
  };
}

export const pathMount: Rule = errorRule('path-mount', {
  group: 'path',
  summary:
    'The jail, a directory on the way to it, or something in it lies on a file system whose content is controlled by somebody other than root of this host.',
  attack:
    'Whoever can write the image of a loop device or a layer of an overlay can change what lies in it, whatever the owners and ' +
    'modes are. The owner of a FUSE mount answers every read himself, differently each time (mount.fuse(8)); the server of a ' +
    'network file system decides about owners and set-user-ID bits (nfs(5), nosuid). No check of it holds.',
  remedy: '# move the jail to a file system of this host, and check that it is what was built',
  isQuick: true,
  *look(jail) {
    const mounts = jail.components.map(({ path }) => mountOf(jail.mounts, trimSlashes(bytePath(path))));
    const onWay = new Set(
      [...mounts, mountOf(jail.mounts, jail.directory)].filter((mount) => mount !== undefined),
    );
    const within = mountsIn(jail.mounts, jail.directory);
    for (const mount of new Set([...onWay, ...within])) {
      // bind-mount finds a network file system that is mounted in the jail
      const whose = (onWay.has(mount) ? ownerOf(mount) : undefined) ?? holderOf(mount, jail);
      if (whose === undefined) continue;
      const how = onWay.has(mount) ? 'the jail lies on, or is reached by way of,' : 'in the jail is mounted';
      yield { path: mount.point, message: `${how} ${whose}` };
    }
  },
});

export const jailLocation = inGroup('path', [
  errorRule('path-root', {
    ...onWay(({ kind }) => kind === 'host-root'),
    summary: "The jail is the host's own root directory, by whatever name.",
    attack:
      'chroot(2) into the directory that is the root already confines nobody: through /srv/.., a link to / or a bind mount ' +
      'of it, the program has the whole host.',
    remedy: 'uchroot-jail check DIRECTORY',
  }),
  errorRule('path-owner', {
    ...onWay(({ refuses, kind }) => refuses && kind === 'owner'),
    summary:
      'A directory on the way to the jail, or the jail itself, belongs to a user of --user; without it, to anybody but root.',
    attack:
      'Its owner can replace what lies in it, and so the jail: root then enters a directory of his choice. ' +
      'ChrootDirectory of sshd_config(5) has the same rule; CVE-2009-2904.',
    remedy: 'chown root:root DIRECTORY',
  }),
  errorRule('path-writable', {
    ...onWay(({ refuses, kind }) => refuses && (kind === 'writable' || kind === 'link')),
    summary:
      'A user of --user, or without it anybody but root, can write to a directory on the way to the jail, or to the jail itself.',
    attack:
      'Whoever can write to a directory can rename what lies in it and put his own there, such as an /etc/passwd or an ld.so ' +
      '(CVE-2009-2904, sshd_config(5)). A sticky directory such as /tmp keeps the entries of root in place (unlink(2), ' +
      'EPERM), but a link in it that belongs to somebody else is his (proc(5), protected_symlinks).',
    remedy: 'chmod go-w DIRECTORY',
  }),
  warningRule('path-shared', {
    ...onWay(({ refuses }) => !refuses),
    summary:
      'Somebody other than root and the users of --user owns a directory on the way to the jail, or the jail itself, or can write to it.',
    attack:
      'He can replace the jail, and root then enters a directory of his choice (CVE-2009-2904). A launch only warns of this ' +
      'as well, since he is not the user who is jailed.',
    remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
  }),
  errorRule('path-closed', {
    summary: 'The users to be jailed may not search the root directory of the jail: no program starts.',
    attack:
      'None by itself: every look-up of a path begins at the root directory, and fails with EACCES (path_resolution(7)). But ' +
      'whoever then gives the user more rights, or starts the program as root, opens more than this directory.',
    remedy: 'chmod go+rx DIRECTORY',
    isQuick: true,
    *look(jail) {
      const root = jail.components.at(-1);
      if (root === undefined || !isClosed(root, jail)) return;
      const message = `its root directory has mode ${octal(root.mode)}: no program starts in it`;
      yield { message, fixes: [{ kind: 'mode', clear: 0, set: 0o055 }] };
    },
  }),
  warningRule('path-link', {
    summary: 'The jail is named by a symbolic link.',
    attack:
      'A link can be changed between the check and the launch, and the launch then enters a directory that was never checked ' +
      '(symlink(7), CWE-367). For links above it, path-writable tells whether somebody could change them.',
    remedy: '# name JAIL wherever the jail is named',
    *look({ components, asked, directory }) {
      const links = components.filter(({ mode }) => (mode & constants.S_IFMT) === constants.S_IFLNK);
      if (!links.some(({ path }) => trimSlashes(bytePath(path)) === asked)) return;
      yield { path: asked, message: `${showPath(asked)} is a link to ${showPath(directory)}` };
    },
  }),
  pathMount,
  errorRule('mount-noexec', {
    summary: 'The file system of the jail is mounted noexec, so that none of its programs can be started.',
    attack:
      'None: execve(2) fails with EACCES. But noexec does not stop anybody who starts programs through ld.so (mount(8)).',
    ...withoutOption('exec', 'no program can be started', () => bytePath('/')),
  }),
  warningRule('mount-nodev', {
    summary:
      'The manifest of the jail has devices, but its file system is mounted nodev, so that they cannot be opened.',
    attack:
      'None: open(2) of /dev/null or /dev/urandom fails with EACCES, and programs that need randomness may go on without it.',
    ...withoutOption(
      'dev',
      'it cannot be opened, nor can other devices',
      ({ manifest }) => manifest?.entries.find(({ kind }) => kind === 'device')?.path,
    ),
  }),
  noteRule('mount-nosuid', {
    summary:
      'A program was built to keep its privileges, but the file system of the jail is mounted nosuid, so that it has none.',
    attack:
      'None: set-user-ID, set-group-ID and file capabilities are ignored (mount(8), nosuid), and the program does less than it should.',
    ...withoutOption(
      'suid',
      'the privileges that were kept for it have no effect',
      ({ manifest }) => manifest?.entries.find(({ keepPrivileges }) => keepPrivileges === true)?.path,
    ),
  }),
]);

/**
 * A directory above the jail may be somebody's home: --fix only changes the jail itself. A jail that an ordinary user has built for
 * himself stays his.
 */
function toFound(finding: WayFinding, { directory, owner, root }: CheckedJail): Found {
  const { component, isEnd, kind, how } = finding;
  const { uid, mode } = component;
  const at = bytePath(component.path);
  const isRoot = !isOrdinary(owner);
  const words = remedyOf(finding, commandLine(at), isRoot);
  const command = isRoot || component.isCallers === true ? words : decision(words);
  if (kind === 'host-root') return { message: `the jail ${how}`, remedy: command };
  if (isEnd) {
    const builder = lookOr(undefined, () => root.lstat(STORE))?.uid;
    if (uid !== 0 && builder === uid) {
      const remedy = decision(`it is a jail of uid ${uid}, for his launches without root: let him check it`);
      return { message: `the jail ${how}`, remedy };
    }
    const own: readonly Fix[] = uid === 0 ? [] : [{ kind: 'owner', uid: 0, gid: 0 }];
    const forbid: readonly Fix[] = (mode & 0o022) === 0 ? [] : [{ kind: 'mode', clear: 0o022 }];
    return { message: `the jail ${how}`, remedy: command, fixes: [...own, ...forbid] };
  }
  const remedies: Readonly<Record<typeof kind, string>> = {
    link: commandLine('uchroot-jail', 'check', directory),
    owner: isRoot ? decision("move the jail to where all is root's, such as below /srv") : command,
    writable: command,
    entry: command,
  };
  return { path: at, message: `${showPath(at)}, above the jail, ${how}`, remedy: remedies[kind] };
}

/** Whether one of the users may not search the directory; without users, whether nobody but root may. */
function isClosed({ mode, uid, gid, acl, isCallers }: WayComponent, { users, owner }: CheckedJail): boolean {
  if ((mode & 0o001) !== 0) return false;
  const isGroups = (mode & 0o010) !== 0;
  // an access control list may let in the users whom it names, as far as the group bits allow (acl(5))
  if (isGroups && acl !== undefined) return false;
  const isOwners = (mode & 0o100) !== 0;
  // an ordinary user launches as himself
  if (isOrdinary(owner)) return isCallers === true ? !isOwners : !isGroups;
  if (users.length === 0) return !(isGroups && gid !== 0) && !(isOwners && uid !== 0);
  return users.some((person) => !(person.uid === uid ? isOwners : isGroups && person.gids.includes(gid)));
}

/** Looks for the opposite of a mount option; `victim` is what it harms. */
function withoutOption(
  option: string,
  harm: string,
  victim: (jail: CheckedJail) => BytePath | undefined,
): Pick<Required<Rule>, 'remedy' | 'isQuick' | 'look'> {
  return {
    remedy: `mount -o remount,${option} MOUNT-POINT`,
    isQuick: true,
    *look(jail) {
      const mount = mountOf(jail.mounts, jail.directory);
      const path = mount?.options.has(`no${option}`) === true ? victim(jail) : undefined;
      const message = `its file system is mounted no${option}: ${harm}`;
      if (mount && path) yield { path, message, remedy: remounted(mount, option, jail) };
    },
  };
}

/** The user who can write the image of a file system, or a layer of it. */
function holderOf(mount: Mount, { users, owner }: CheckedJail): string | undefined {
  // the paths of the root mount were those of a container's host, or of an initramfs
  const backing =
    mount.point === '/' ? [] : mount.type === 'overlay' ? layersOf(mount.options) : imageOf(mount);
  if (backing.length === 0) return undefined;
  return closing(openFileRoot('/', owner), (host) => {
    for (const path of backing) {
      const loose = looseOn(host, path, users);
      if (loose) return `a file system (${mount.type}) that is made of ${showPath(path)}; ${wordsOf(loose)}`;
    }
    return undefined;
  });
}

const NETWORK = /^(?:nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|ncpfs|virtiofs|coda|lustre)$/;

/** The owner of the content of a file system, in words; undefined for root of this host. */
export function ownerOf({ type, options }: Pick<Mount, 'type' | 'options'>): string | undefined {
  if (NETWORK.test(type)) return `a network file system (${type})`;
  if (!/^fuse(?:\.|$)/.test(type)) return undefined; // only root can mount fuseblk
  const uid = [...options].find((option) => option.startsWith('user_id='))?.slice('user_id='.length);
  return uid === undefined || uid === '0' ? undefined : `a FUSE file system (${type}) of uid ${Number(uid)}`;
}

/** The directories of an overlay by its mount options, in which `\:` is a colon of a path (Documentation/filesystems/overlayfs.rst). */
export function layersOf(options: ReadonlySet<string>): readonly BytePath[] {
  return [...options].flatMap((option) => {
    const layers = /^(?:lowerdir\+?|upperdir|datadir\+?)=(.*)$/.exec(unescapeMount(option))?.[1];
    if (layers === undefined) return [];
    return layers
      .split(/(?<!\\):/)
      .map((layer) => layer.replaceAll('\\:', ':') as BytePath)
      .filter((layer) => layer.startsWith('/'));
  });
}

// The file of a loop device. If a file system has several devices, its source does not tell whether one of them is a loop device
function imageOf({ source, device }: Mount): readonly BytePath[] {
  const name = /^\/dev\/(loop\d+)(?:p\d+)?$/.exec(source)?.[1];
  const place = name === undefined ? `dev/block/${device}` : `block/${name}`;
  if (name === undefined && !device.startsWith('7:')) return [];
  // undefined if /sys belongs to another namespace, or the device is gone
  const content = lookOr(undefined, () => readFileSync(`/sys/${place}/loop/backing_file`));
  const file = content && bytePath(content).trimEnd();
  return file === undefined || file.endsWith(' (deleted)') ? [] : [file as BytePath];
}
