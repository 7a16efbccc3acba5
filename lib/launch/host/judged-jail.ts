// Judges the host's answers to a launch: the account, the privilege of this process, and the directory of the jail.
import { fstatSync } from 'node:fs';

import { native, type HostFacts } from '../../native.ts';
import { isMarked } from '../../tree/by-reference.ts';
import { bytePath } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { unless } from '../../words/system-error.ts';
import { namespacesOf } from '../request/isolation-value.ts';
import { anyAbi } from '../request/landlock-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { toAccount, type Account } from './account.ts';
import {
  acceptDirectory,
  closedJail,
  jailFor,
  judgeDirectory,
  refuseLink,
  unreachable,
  type DirectoryFinding,
} from './directory.ts';
import { requirePrivilege } from './privilege.ts';
import { requireRecord, withReferences } from './references.ts';
import { isOwn, rootlessAccount } from './rootless.ts';

/** A jail that was judged for an account. */
export interface JudgedJail {
  readonly account: Account;
  /** Its descriptor; -1 if it is not open. */
  readonly fd: number;
  /** About the path to it. */
  readonly warnings: readonly DirectoryFinding[];
  /** A launch without root, and the jail belongs to another user: the program can only read it. */
  readonly isShared: boolean;
  /** Whether it is a jail by reference; undefined: not looked at, since the launch mounts nothing. */
  readonly isByReference?: boolean;
  /** That holds the id of USER `auto`, in place. */
  readonly lockFd?: number;
}

/**
 * Judges the host's answers. The first problem is thrown, in the order of the C original: user, privilege, directory.
 *
 * @throws LaunchError
 */
export function judge(request: NormalRequest, facts: HostFacts, privileged = true): JudgedJail {
  const account = request.rootless ? rootlessAccount(request, facts) : toAccount(request, facts);
  if (!request.rootless) requirePrivilege(request, account, privileged);
  if (facts.fd < 0) throw unreachable(facts, request);
  // root's launches can have jails in directories of users, of which the findings tell
  if (request.rootless && !request.insecurePath) refuseLink({ ...facts, endsInEntry: true });
  const warnings = acceptDirectory(judgeDirectory(facts, account, jailFor(request)), request.insecurePath);
  const { outside } = account;
  const isShared = outside !== undefined && !isOwn(outside, facts.components.at(-1)?.uid);
  const marked = mounts(request) ? isReferring(request, facts.fd) : undefined;
  return {
    account,
    fd: facts.fd,
    warnings,
    isShared,
    ...(marked !== undefined && { isByReference: marked }),
  };
}

/** Whether a launch can mount. */
export const mounts = (request: NormalRequest): boolean => namespacesOf(request).includes('mount');

function isReferring(request: NormalRequest, fd: number): boolean {
  const marked = unless(['EACCES'], () => isMarked(openFileRoot(fd)));
  if (marked === undefined) throw closedJail(request, fstatSync(fd).uid);
  if (marked) requireRecord(request, fd);
  return marked;
}

/** As `judge`, but closes the jail's descriptor if it throws. Otherwise the receiver closes it. */
export function verify(request: NormalRequest, facts: HostFacts, privileged = true): JudgedJail {
  try {
    return judge(request, facts, privileged);
  } catch (error) {
    if (facts.fd >= 0) native.closeDescriptor(facts.fd);
    throw error;
  }
}

/** A request that names its program. */
export type Settled = NormalRequest & { readonly program: Buffer };

// The newest ABI that both this kernel and uchroot know.
function withLandlock(request: NormalRequest): NormalRequest {
  const abi = native.landlockAbi();
  return abi === 0 ? { ...request, landlock: false } : { ...request, landlockAbi: Math.min(abi, 6) };
}

/**
 * The request as this jail settles it. A jail of another user is read-only. Without a program it is the user's shell as the host knows
 * it, if the jail has it, else /bin/sh; interactive, as in chroot(8).
 */
export function settle(asked: NormalRequest, jail: JudgedJail): Settled {
  const { account, fd, isShared } = jail;
  let request = asked;
  if (isShared && asked.ephemeral === undefined && !asked.readOnly) request = { ...request, readOnly: true };
  if (mounts(request) && (jail.isByReference ?? isReferring(request, fd)))
    request = withReferences(request, jail);
  if (asked.landlock && asked.landlockAbi === anyAbi) request = withLandlock(request);
  if (request.program !== undefined) return request as Settled;
  const { shell } = account;
  const isThere = shell.startsWith('/') && walk(openFileRoot(fd), bytePath(shell)).kind === 'found';
  return { ...request, program: Buffer.from(isThere ? shell : '/bin/sh'), args: [Buffer.from('-i')] };
}
