// Rules about files that give privileges, about devices, and about users who can write to files that control the jail's programs.

import { showPath } from '../../../tree/path.ts';
import { octal } from '../../../trust/writer.ts';
import { errorRule, type Found, inGroup, type Rule, warningRule } from '../check-rule.ts';
import { type Entry, isCode, isOfSystem, isOwn, isSystemPath } from '../checked-entry.ts';
import { type CheckedJail, recordedAt } from '../checked-jail.ts';
import { type Loose, wordsOf, writerIn } from '../../search/jail-writers.ts';
import { decision, givenBack, hostPath, unmounted } from '../remedies.ts';

/** Looks for a bit of the mode of files. */
function withBit(bit: number, messageOf: (entry: Entry) => string): Pick<Required<Rule>, 'lookAt'> {
  return {
    lookAt: (entry, jail) => {
      const { kind, mode, recorded } = entry;
      if ((mode & bit) === 0 || kind !== 'file' || recorded?.keepPrivileges === true) return undefined;
      return {
        message: messageOf(entry),
        // a user gives away his own rights, and none of root's or of a group that he is not in
        ...(isOwn(entry) &&
          (bit === 0o4000 || jail.groupsOf(entry.uid).has(entry.gid)) && { severity: 'warning' }),
        fixes: [{ kind: 'mode', clear: bit }],
      };
    },
  };
}

export const privilegedFiles = inGroup('privilege', [
  errorRule('set-user-id', {
    summary: 'A file has the set-user-ID bit, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user becomes its owner by executing it, and root leaves a jail (chroot(2)). In a jail such a program also ' +
      'trusts files that he may have changed: CVE-2023-4911 of ld.so, CVE-2021-4034 of pkexec.',
    remedy: 'chmod u-s FILE',
    ...withBit(0o4000, ({ uid }) => `it runs as uid ${uid}, whoever starts it (set-user-ID)`),
  }),
  errorRule('set-group-id', {
    summary: 'A file has the set-group-ID bit, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user becomes a member of its group by executing it: shadow reads password hashes, tty writes to other ' +
      'terminals, disk and docker are as good as root (execve(2)).',
    remedy: 'chmod g-s FILE',
    ...withBit(0o2000, ({ gid }) => `it runs with group ${gid}, whoever starts it (set-group-ID)`),
  }),
  errorRule('file-capabilities', {
    summary: 'A file has capabilities, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user gets them by executing it: CAP_SYS_CHROOT, CAP_SYS_ADMIN or CAP_DAC_READ_SEARCH lead out of a jail ' +
      '(capabilities(7), "File capabilities"). ls(1) does not show them.',
    remedy: 'setcap -r FILE',
    lookAt: ({ hasCapabilities, recorded }) => {
      if (!hasCapabilities || recorded?.keepPrivileges === true) return undefined;
      return {
        message: 'it has file capabilities (security.capability)',
        fixes: [{ kind: 'attribute', name: 'security.capability' }],
      };
    },
  }),
  errorRule('device-node', {
    summary: 'There is a device other than null, zero, full, random, urandom, tty and those of terminals.',
    attack:
      'A disk is read and written whatever the permissions of its files are, /dev/mem and /dev/kmem are the kernel, and each ' +
      'driver is one more thing to attack (mem(4), null(4), random(4), tty(4)).',
    remedy: 'rm DEVICE',
    lookAt: (entry, jail) => {
      const { path, kind, mode, uid, gid, major, minor, isMounted } = entry;
      if ((kind !== 'character' && kind !== 'block') || isHarmless(entry)) return undefined;
      const what = kind === 'block' ? 'a block device, such as a disk' : 'a character device';
      const message = `it is ${what} (${major}:${minor}), of ${uid}:${gid}, mode ${octal(mode)}`;
      return { message, ...(isMounted && { remedy: unmounted(hostPath(jail, path)) }) };
    },
  }),
  errorRule('device-mode', {
    summary: 'A device of the jail does not belong to root, can be executed, or is not open to everybody.',
    attack:
      'The owner of /dev/null can change its mode, so that nobody else can use it. If it lies in a directory of his own, he can ' +
      'put a file in its place, and gets what others write to it (chmod(2), null(4)).',
    covers: ['mode', 'owner'],
    remedy: 'chown root:root DEVICE && chmod 0666 DEVICE',
    lookAt: (entry) => {
      const { mode, uid } = entry;
      // a terminal belongs to the user who works at it (pts(4))
      if (entry.isMounted || !isHarmless(entry) || entry.major >= 136) return undefined;
      if (uid === 0 && (mode & 0o7111) === 0 && isOpen(entry)) return undefined;
      return {
        message: `it belongs to uid ${uid} and has mode ${octal(mode)}`,
        fixes: [
          { kind: 'owner', uid: 0, gid: 0 },
          { kind: 'mode', clear: 0o7777, set: 0o666 },
        ],
      };
    },
  }),
]);

/** Devices of the kernel that hold nobody's data (Documentation/admin-guide/devices.txt). */
function isHarmless({ kind, major, minor }: Entry): boolean {
  if (kind !== 'character') return false;
  if (major === 1) return [3, 5, 7, 8, 9].includes(minor); // null, zero, full, random, urandom
  if (major === 5) return minor === 0 || minor === 2; // tty, ptmx
  return major >= 136 && major <= 143; // pts
}

// A service that cannot write to /dev/null, or read from /dev/urandom, fails or goes on without it.
function isOpen({ major, minor, mode }: Entry): boolean {
  const wanted = major === 1 && (minor === 8 || minor === 9) ? 0o444 : 0o666;
  return (mode & wanted) === wanted;
}

const STEERING =
  /^\/etc(?:\/(?:ld\.so\.preload|ld\.so\.conf|ld\.so\.cache|ld-musl-[^/]*\.path|nsswitch\.conf|passwd|group|shadow|gshadow|hosts(?:\.allow|\.deny)?|host\.conf|gai\.conf|resolv\.conf|environment|profile|bash\.bashrc|shells|crontab|inputrc|doas\.conf|gitconfig|npmrc|pip\.conf|wgetrc|screenrc|tmux\.conf|mailcap|sudoers|pam\.conf|login\.defs)|\/(?:ld\.so\.conf\.d|pam\.d|security|profile\.d|sudoers\.d|cron\.[a-z]+|init\.d|ssh|ssl|vim|zsh|fish)(?:\/.*)?)?$|^\/root(?:\/.*)?$/;

// Where the application of a service keeps modules of others, which it loads by name (site module of Python, modules of Node.js,
// gems of Bundler, Composer).
const MODULES = /\/(?:(?:site|dist)-packages|node_modules|vendor\/(?:bundle|composer))$/;

export const steeringFile: Rule = errorRule('steering-file', {
  group: 'escape',
  summary:
    'A file that controls the loader, the name service, PAM or the shells, or its directory, can be written by others than root.',
  attack:
    'A line in ld.so.preload is code in every program of the jail, also in those that run as root (ld.so(8)); nsswitch.conf ' +
    'names modules to load, as in CVE-2019-14271 and CVE-2025-32463; passwd says who is root.',
  covers: ['writable-directory', 'writable-code', 'mode', 'owner', 'sticky', 'world-writable'],
  remedy: 'chown root:root FILE && chmod go-w FILE',
  lookAt: (entry, jail) => {
    const isSteering = (entry.kind === 'file' || entry.kind === 'directory') && STEERING.test(entry.path);
    return isSteering ? writable(entry, jail) : undefined;
  },
});

export const writableFiles = inGroup('tamper', [
  errorRule('writable-directory', {
    summary:
      'A directory of PATH, of the loader, of modules of an interpreter or of configuration can be written by others than root.',
    attack:
      'They can replace what lies in it, or add something that is found first: a library of the same name, a sitecustomize.py, ' +
      'a program that comes earlier in PATH (path_resolution(7), ld.so(8); CWE-427).',
    covers: ['mode', 'owner', 'sticky', 'upload-exec'],
    remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
    lookAt: (entry, jail) => {
      const { path, kind, recorded, mode, uid } = entry;
      if (kind !== 'directory' || path === '/' || !isOfSystem(entry)) return undefined;
      // the owner of /dev can replace its null device and its log
      if (!isSystemPath(path) && path !== '/dev' && !MODULES.test(path)) return undefined;
      // it was built like this: a service keeps its data there
      const isAsBuilt =
        recorded?.kind === 'directory' && recorded.mode === mode && recorded.uid === uid && uid !== 0;
      return isAsBuilt ? undefined : writable(entry, jail);
    },
  }),
  warningRule('default-acl', {
    summary:
      'A directory of programs, libraries or configuration has a default access control list that lets others write what is made in it.',
    attack:
      'Every file that root or an update puts there later inherits the list, and somebody else may write it (acl(5), "Object ' +
      'creation and default ACLs"). The modes of the files that are already there do not show it.',
    remedy: 'setfacl -k DIRECTORY',
    lookAt: (entry) => {
      const { path, kind, hasLooseDefault } = entry;
      if (kind !== 'directory' || !hasLooseDefault || !isSystemPath(path) || !isOfSystem(entry))
        return undefined;
      return {
        message: 'its default access control list lets others write what is made in it',
        fixes: [{ kind: 'attribute', name: 'system.posix_acl_default' }],
      };
    },
  }),
  errorRule('writable-code', {
    summary:
      'A program, library or module in a directory of programs or configuration can be written by others than root.',
    attack:
      'Whoever writes to it runs code as everybody who uses it: the service, the administrator who enters the jail, root ' +
      '(execve(2), ld.so(8)).',
    covers: ['mode', 'owner', 'world-writable'],
    remedy: 'chown root:root FILE && chmod go-w FILE',
    lookAt: (entry, jail) => (isOfSystem(entry) && isCode(entry) ? writable(entry, jail) : undefined),
  }),
  errorRule('writable-target', {
    summary:
      'A link in a directory of programs or configuration leads to something that others than root can write or replace.',
    attack:
      'The link is safe, but its target is not: if /etc/passwd, a library or a program leads to /tmp, it is whatever somebody ' +
      'has put there (symlink(7), path_resolution(7); CWE-61).',
    covers: ['extra'],
    remedy: "# let the link lead to something of root's, or make what it leads to root's alone",
    lookAt: (entry, jail) => {
      const { path, kind, target } = entry;
      if (kind !== 'link' || !isOfSystem(entry) || !isSystemPath(path)) return undefined;
      const loose = jail.looseOn(path);
      if (loose === undefined || isFoundByItself(loose) || isBuilt(entry, loose, jail)) return undefined;
      return {
        message: `it leads to ${showPath(target)}; ${wordsOf(loose)}`,
        remedy: decision(`let it lead to something of root's, or make ${showPath(loose.path)} root's alone`),
      };
    },
  }),
]);

function writable(entry: Entry, jail: CheckedJail): Found | undefined {
  const message = writerIn(jail, entry);
  return message === undefined ? undefined : { message, ...givenBack(entry, jail) };
}

/** Whether writable-directory finds it: then no other rule does. */
export const isFoundByItself = ({ path, kind }: Loose): boolean => kind === 'directory' && isSystemPath(path);

// The builder has made both; the rules that compare them with the manifest find changes.
function isBuilt({ recorded, target }: Entry, { path }: Loose, jail: CheckedJail): boolean {
  return recorded?.target === target && recorded.kind === 'link' && recordedAt(jail, path) !== undefined;
}
