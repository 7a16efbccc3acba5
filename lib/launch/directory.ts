// Whether the jail's directory is safe from the user who is to be jailed in it. Pure.
import { LaunchError } from '../errors.ts';
import type { HostFacts, PathComponent } from '../native.ts';
import { quote, toBuffer } from '../quote.ts';
import type { Account } from './account.ts';
import { errnoName, reason } from './errno.ts';

const typeBits = 0o170000;
const symbolicLink = 0o120000;
const sticky = 0o1000;

const hintOf: Readonly<Record<string, string>> = {
  ENOENT: 'build the jail first: uchroot-jail build DIRECTORY PROGRAM',
  ENOTDIR: 'give the directory that is to become the root directory, not a file',
  ELOOP: 'the symbolic links on the way lead in a circle',
};

/** The error for a jail that could not be reached. */
export function unreachable(facts: HostFacts): LaunchError {
  const errno = facts.walkErrno ?? 0;
  const path = quote(facts.walkPath ?? '');
  const code = errnoName(errno);
  return new LaunchError(`jail: ${path}: ${reason(errno)}`, {
    step: 'jail',
    call: 'openat',
    code,
    errno,
    path,
    hint: hintOf[code],
  });
}

// gid 0 is nothing that root gains by; for anybody else it is a group like any other.
function isMember(account: Account, gid: number): boolean {
  if (account.uid === 0 && gid === 0) return false;
  return gid === account.gid || account.groups.includes(gid);
}

// struct posix_acl_xattr_entry {u16 tag; u16 perm; u32 id;} after a u32 version (linux/posix_acl_xattr.h)
function aclGrantsWrite(acl: Buffer, owningGid: number, account: Account): boolean {
  for (let at = 4; at + 8 <= acl.length; at += 8) {
    const [tag, permissions, id] = [acl.readUInt16LE(at), acl.readUInt16LE(at + 2), acl.readUInt32LE(at + 4)];
    if (!(permissions & 2)) continue;
    if (tag === 0x02 && id === account.uid) return true; // ACL_USER
    if (tag === 0x04 && isMember(account, owningGid)) return true; // ACL_GROUP_OBJ
    if (tag === 0x08 && isMember(account, id)) return true; // ACL_GROUP
  }
  return false;
}

// What lets the user write to a directory, in words; undefined if nothing does.
function writableBy(component: PathComponent, account: Account): string | undefined {
  if (account.uid !== 0 && component.uid === account.uid)
    return `is owned by uid ${account.uid}, the user to be jailed`;
  if (!(component.mode & 0o022)) return undefined;
  const mode = (component.mode & 0o7777).toString(8).padStart(4, '0');
  if (component.mode & 0o002) return `can be written by everybody (mode ${mode})`;
  const acl = component.acl === undefined ? undefined : toBuffer(component.acl);
  if (acl !== undefined)
    return aclGrantsWrite(acl, component.gid, account)
      ? 'can be written by the user through an access control list'
      : undefined;
  return isMember(account, component.gid)
    ? `can be written by gid ${component.gid}, a group of the user (mode ${mode})`
    : undefined;
}

function remedy(component: PathComponent, path: string): string {
  if (component.uid !== 0) return `chown root:root ${path} && chmod go-w ${path}`;
  return component.acl === undefined ? `chmod go-w ${path}` : `setfacl -b ${path} && chmod go-w ${path}`;
}

/** A finding about the way to a jail: it refuses the launch, or only warns. */
export interface DirectoryFinding {
  readonly refuses: boolean;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Judges every component of the path, the jail itself last. A directory that the user can write lets him replace what
 * lies in it, unless the sticky bit keeps an entry of somebody else's in place (unlink(2), EPERM).
 */
export function judgeDirectory(
  components: readonly PathComponent[],
  account: Account,
): readonly DirectoryFinding[] {
  const findings: DirectoryFinding[] = [];
  components.forEach((component, index) => {
    if ((component.mode & typeBits) === symbolicLink) return; // its mode means nothing; the directory it lies in counts
    const how = writableBy(component, account);
    if (how === undefined && component.uid === 0) return;
    const path = quote(component.path);
    const next = components[index + 1];
    const held =
      (component.mode & sticky) !== 0 &&
      next !== undefined &&
      (account.uid === 0 || (next.uid !== account.uid && component.uid !== account.uid));
    if (how !== undefined && !held) {
      const what = next === undefined ? `${path} ${how}` : `${path}, above the jail, ${how}`;
      findings.push({
        refuses: true,
        path,
        message: `jail: ${what}, who could replace what is in it`,
        hint: remedy(component, path),
      });
    } else if (component.uid !== 0) {
      findings.push({
        refuses: false,
        path,
        message: `jail: ${path} is owned by uid ${component.uid}, who could replace what is in it`,
        hint: `chown root:root ${path}`,
      });
    }
  });
  return findings;
}

/** Throws the first finding that refuses; the warnings otherwise. */
export function acceptDirectory(
  findings: readonly DirectoryFinding[],
  insecurePath: boolean,
): readonly DirectoryFinding[] {
  const refusal = insecurePath ? undefined : findings.find((finding) => finding.refuses);
  if (refusal === undefined) return findings;
  throw new LaunchError(refusal.message, {
    step: 'jail',
    code: 'ERR_INSECURE_PATH',
    path: refusal.path,
    hint: `${refusal.hint}   (or accept the risk with --insecure-path)`,
  });
}
