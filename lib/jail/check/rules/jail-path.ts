// Rules about the way to the jail and its root directory.

import { type BytePath, bytePath, showPath, trimSlashes } from '../../../binary/path.ts';
import type { PathComponent } from '../../../native.ts';
import { remedyOf, type WayFinding } from '../../../trust/way.ts';
import { octal } from '../../../trust/writer.ts';
import type { JailUser } from '../../packs/pack.ts';
import { type Fix, type Found, inGroup, type Rule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { commandLine, decision } from '../remedies.ts';

const TYPE_BITS = 0o170000; // inode(7)
const LINK = 0o120000;
const ROOT: BytePath = bytePath('/');

/** A rule about the findings of lib/trust for which `isAbout` is true. */
function wayRule(
  isAbout: (finding: WayFinding) => boolean,
  words: Pick<Rule, 'id' | 'severity' | 'summary' | 'attack' | 'remedy'>,
): Omit<Rule, 'group'> {
  return {
    ...words,
    isQuick: true,
    look: (jail) => jail.wayFindings.filter(isAbout).map((finding) => toFound(finding, jail)),
  };
}

export const jailPath = inGroup('path', [
  wayRule(({ kind }) => kind === 'host-root', {
    id: 'path-root',
    severity: 'error',
    summary: "The jail is the host's own root directory, by whatever name.",
    attack:
      'chroot(2) into the directory that is the root already confines nobody: through /srv/.., a link to / or a bind mount ' +
      'of it, the program has the whole host.',
    remedy: 'uchroot-jail check DIRECTORY',
  }),
  wayRule(({ refuses, kind }) => refuses && kind === 'owner', {
    id: 'path-owner',
    severity: 'error',
    summary:
      'A directory on the way to the jail, or the jail itself, belongs to a user of --user; without it, to anybody but root.',
    attack:
      'Its owner can replace what lies in it, and so the jail: root then enters a directory of his choice. ' +
      'ChrootDirectory of sshd_config(5) has the same rule; CVE-2009-2904.',
    remedy: 'chown root:root DIRECTORY',
  }),
  wayRule(({ refuses, kind }) => refuses && (kind === 'writable' || kind === 'link'), {
    id: 'path-writable',
    severity: 'error',
    summary:
      'A user of --user, or without it anybody but root, can write to a directory on the way to the jail, or to the jail itself.',
    attack:
      'Whoever can write to a directory can rename what lies in it and put his own there, such as an /etc/passwd or an ld.so ' +
      '(CVE-2009-2904, sshd_config(5)). A sticky directory such as /tmp keeps the entries of root in place (unlink(2), ' +
      'EPERM), but a link in it that belongs to somebody else is his (proc(5), protected_symlinks).',
    remedy: 'chmod go-w DIRECTORY',
  }),
  wayRule(({ refuses }) => !refuses, {
    id: 'path-shared',
    severity: 'warning',
    summary:
      'Somebody other than root and the users of --user owns a directory on the way to the jail, or the jail itself, or can write to it.',
    attack:
      'He can replace the jail, and root then enters a directory of his choice (CVE-2009-2904). A launch only warns of this ' +
      'as well, since he is not the user who is jailed.',
    remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
  }),
  {
    id: 'path-closed',
    severity: 'error',
    summary: 'The users to be jailed may not search the root directory of the jail: no program starts.',
    attack:
      'None by itself: every look-up of a path begins at the root directory, and fails with EACCES (path_resolution(7)). But ' +
      'whoever then gives the user more rights, or starts the program as root, opens more than this directory.',
    remedy: 'chmod go+rx DIRECTORY',
    isQuick: true,
    look: (jail) => {
      const root = jail.components.at(-1);
      if (root === undefined || !isClosed(root, jail.users)) return [];
      return [
        {
          path: ROOT,
          message: `its root directory has mode ${octal(root.mode)}: no program starts in it`,
          remedy: commandLine('chmod', 'go+rx', jail.directory),
          fixes: [{ kind: 'mode', clear: 0, set: 0o055 }],
        },
      ];
    },
  },
  {
    id: 'path-link',
    severity: 'warning',
    summary: 'The jail is named by a symbolic link.',
    attack:
      'A link can be changed between the check and the launch, and the launch then enters a directory that was never checked ' +
      '(symlink(7), CWE-367). For links above it, path-writable tells whether somebody could change them.',
    remedy: '# name the directory itself wherever the jail is named',
    look: (jail) => {
      const links = jail.components.filter(({ mode }) => (mode & TYPE_BITS) === LINK);
      const link = links.find(({ path }) => trimSlashes(bytePath(path)) === jail.asked);
      if (link === undefined) return [];
      return [
        {
          path: jail.asked,
          message: `${showPath(jail.asked)} is a link to ${showPath(jail.directory)}`,
          remedy: decision(`name ${showPath(jail.directory)} wherever the jail is named`),
        },
      ];
    },
  },
]);

/** A directory above the jail may be somebody's home: --fix only changes the jail itself. */
function toFound(finding: WayFinding, { directory }: CheckedJail): Found {
  const { component, isEnd, kind, how } = finding;
  const at = bytePath(component.path);
  return {
    path: isEnd ? ROOT : at,
    message: isEnd ? `the jail ${how}` : `${showPath(at)}, above the jail, ${how}`,
    remedy: kind === 'link' ? commandLine('uchroot-jail', 'check', directory) : remedyFor(finding),
    ...(isEnd && kind !== 'host-root' && { fixes: fixesOf(component) }),
  };
}

function remedyFor(finding: WayFinding): string {
  const command = remedyOf(finding, commandLine(bytePath(finding.component.path)));
  return finding.kind === 'owner' && !finding.isEnd
    ? decision(`move the jail to where all is root's, or, if nobody else needs it: ${command}`)
    : command;
}

function fixesOf({ uid, mode }: PathComponent): readonly Fix[] {
  const owner: readonly Fix[] = uid === 0 ? [] : [{ kind: 'owner', uid: 0, gid: 0 }];
  return (mode & 0o022) === 0 ? owner : [...owner, { kind: 'mode', clear: 0o022 }];
}

/** Whether one of the users may not search the directory; without users, whether nobody but root may. */
function isClosed({ mode, uid, gid, acl }: PathComponent, users: readonly JailUser[]): boolean {
  if ((mode & 0o001) !== 0) return false;
  const isGroups = (mode & 0o010) !== 0;
  // an access control list may let those in whom it names, as far as the group bits allow (acl(5))
  if (isGroups && acl !== undefined) return false;
  if (users.length === 0) return !(isGroups && gid !== 0) && !((mode & 0o100) !== 0 && uid !== 0);
  return users.some((user) => {
    if (user.uid === uid) return (mode & 0o100) === 0;
    const isMember = user.gid === gid || user.groups.some((group) => group.gid === gid);
    return !(isGroups && isMember);
  });
}
