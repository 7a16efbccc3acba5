// Rules about who can write to files and directories that control the programs of the jail.

import { showPath } from '../../../binary/path.ts';
import { type Found, inGroup, type Rule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { type Entry, isCode, isOfSystem, isSystemPath } from '../checked-entry.ts';
import { listOf, writerOf } from '../jail-writers.ts';
import { commandLine, decision, givenBack, hostPath } from '../remedies.ts';
import type { Loose } from '../writable-parent.ts';

const STEERING =
  /^\/etc(?:\/(?:ld\.so\.preload|ld\.so\.conf|ld\.so\.cache|ld-musl-[^/]*\.path|nsswitch\.conf|passwd|group|shadow|gshadow|hosts(?:\.allow|\.deny)?|host\.conf|gai\.conf|resolv\.conf|environment|profile|bash\.bashrc|shells|crontab|inputrc|doas\.conf|gitconfig|npmrc|pip\.conf|wgetrc|screenrc|tmux\.conf|mailcap|sudoers|pam\.conf|login\.defs)|\/(?:ld\.so\.conf\.d|pam\.d|security|profile\.d|sudoers\.d|cron\.[a-z]+|init\.d|ssh|ssl|vim|zsh|fish)(?:\/.*)?)?$|^\/root(?:\/.*)?$/;

// Where the application of a service keeps modules of others, which it loads by name (site module of Python, modules of Node.js,
// gems of Bundler, Composer).
const MODULES = /\/(?:(?:site|dist)-packages|node_modules|vendor\/(?:bundle|composer))$/;

export const steeringFile: Rule = {
  id: 'steering-file',
  group: 'escape',
  severity: 'error',
  summary:
    'A file that controls the loader, the name service, PAM or the shells, or its directory, can be written by others than root.',
  attack:
    'A line in ld.so.preload is code in every program of the jail, also in those that run as root (ld.so(8)); nsswitch.conf ' +
    'names modules to load, as in CVE-2019-14271 and CVE-2025-32463; passwd says who is root.',
  covers: ['writable-directory', 'writable-code', 'mode', 'owner', 'sticky', 'world-writable'],
  remedy: 'chown root:root FILE && chmod go-w FILE',
  lookAt: (entry, jail) => {
    const { path, kind } = entry;
    const isSteering = (kind === 'file' || kind === 'directory') && STEERING.test(path);
    return isSteering ? writable(entry, jail) : undefined;
  },
};

export const writableFiles = inGroup('tamper', [
  {
    id: 'writable-directory',
    severity: 'error',
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
  },
  {
    id: 'default-acl',
    severity: 'warning',
    summary:
      'A directory of programs, libraries or configuration has a default access control list that lets others write what is made in it.',
    attack:
      'Every file that root or an update puts there later inherits the list, and somebody else may write it (acl(5), "Object ' +
      'creation and default ACLs"). The modes of the files that are already there do not show it.',
    remedy: 'setfacl -k DIRECTORY',
    lookAt: (entry, jail) => {
      const { path, kind, hasLooseDefault } = entry;
      if (kind !== 'directory' || !hasLooseDefault || !isSystemPath(path) || !isOfSystem(entry))
        return undefined;
      return {
        path,
        message: 'its default access control list lets others write what is made in it',
        remedy: commandLine('setfacl', '-k', hostPath(jail, path)),
        fixes: [{ kind: 'attribute', name: 'system.posix_acl_default' }],
      };
    },
  },
  {
    id: 'writable-code',
    severity: 'error',
    summary:
      'A program, library or module in a directory of programs or configuration can be written by others than root.',
    attack:
      'Whoever writes to it runs code as everybody who uses it: the service, the administrator who enters the jail, root ' +
      '(execve(2), ld.so(8)).',
    covers: ['mode', 'owner', 'world-writable'],
    remedy: 'chown root:root FILE && chmod go-w FILE',
    lookAt: (entry, jail) => (isOfSystem(entry) && isCode(entry) ? writable(entry, jail) : undefined),
  },
  {
    id: 'writable-target',
    severity: 'error',
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
        path,
        message: `it leads to ${showPath(target)}; of ${showPath(loose.path)}: ${loose.how}`,
        remedy: decision(`let it lead to something of root's, or make ${showPath(loose.path)} root's alone`),
      };
    },
  },
]);

function writable(entry: Entry, jail: CheckedJail): Found | undefined {
  const how = writerOf(entry, jail.users, listOf(entry, jail));
  return how === undefined ? undefined : { path: entry.path, message: how, ...givenBack(entry, jail) };
}

/** Whether writable-directory finds it: then no other rule does. */
export function isFoundByItself({ path, kind }: Loose): boolean {
  return kind === 'directory' && isSystemPath(path);
}

// The builder has made both; the rules that compare them with the manifest find changes.
function isBuilt({ recorded, target }: Entry, { path }: Loose, { manifest }: CheckedJail): boolean {
  if (recorded?.kind !== 'link' || recorded.target !== target) return false;
  return manifest?.entries.some((entry) => entry.path === path) === true;
}
