// The filter of system calls that a launch asks for. Reads its profile, and caches the compiled filter.
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';

import { bytePath } from '../../tree/path.ts';
import { fileError } from '../../values/file-error.ts';
import { LaunchError, UsageError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { usageError } from '../../values/wrong.ts';
import { isWriter, writersOf } from '../../trust/writer.ts';
import { errorCode } from '../../words/system-error.ts';
import { hasInit } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { makeFilter, type Filter, type FilterRequest } from '../seccomp/filter.ts';
import { toPerson, type Account } from './account.ts';
import { absolutePath, acceptDirectory, judgeDirectory } from './directory.ts';
import { wayTo } from './host-ways.ts';
import { waysBeside } from './ways-beside.ts';

// Profiles have some 20 KiB.
const mostBytes = 1 << 20;

// A service has few profiles. Beyond that, launches only take longer.
const mostFilters = 64;
const filters = new Map<string, Filter>();

function failed(file: string, error: unknown): LaunchError {
  const hint = /^(?:unconfined|none|off)$/.test(file)
    ? 'a launch always has a filter: --allow NAME gives a call back, and --seccomp log refuses none and logs'
    : errorCode(error) === 'ENOENT'
      ? 'give the path of a profile, or default, log, or log: and a path; without --seccomp the usual filter stays'
      : undefined;
  return fileError('seccomp', file, error, hint);
}

function attempt<T>(file: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw error instanceof LaunchError || error instanceof UsageError ? error : failed(file, error);
  }
}

// Another content has another key.
function identityOf(file: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = attempt(file, () => statSync(file, { bigint: true }));
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

// Whoever can put another file in the place of the profile decides what the program may do.
function refuseWay(file: string, account: Account): void {
  const to = { step: 'seccomp', title: 'seccomp', name: quote(file) };
  acceptDirectory(judgeDirectory(wayTo(bytePath(absolutePath(file))), account, to), false, to);
}

// Whoever can write the profile decides what the program may do.
function refuseWriter(file: string, fd: number, account: Account, insecurePath: boolean): void {
  const status = fstatSync(fd);
  if (!status.isFile())
    throw usageError(({ name }) => ({
      message: `${name('seccomp')}: ${quote(file)} is no regular file`,
      hint: 'name a file: a profile in JSON, as docker takes it',
    }));
  if (status.size > mostBytes)
    throw usageError(({ name }) => ({
      message: `${name('seccomp')}: ${quote(file)} has ${status.size} bytes, and a profile at most ${mostBytes}`,
    }));
  // A rootless program has the caller's ids: refuseOwnReach() knows whether it can reach the profile.
  if (insecurePath || account.outside !== undefined) return;
  const person = toPerson(account);
  // An access control list that may let others write is refused: it has no place on a profile.
  const acl = native.hasAttribute(fd, 'system.posix_acl_access') ? new Uint8Array() : undefined;
  const { mode, uid, gid } = status;
  if (!writersOf({ mode, uid, gid, acl }).some((writer) => isWriter(writer, person))) return;
  throw new LaunchError(
    `seccomp: ${quote(file)} can be written by uid ${account.uid}, whom it is to confine`,
    {
      step: 'seccomp',
      code: 'ERR_INSECURE_PATH',
      path: quote(file),
      hint: `${acl === undefined ? '' : `setfacl -b ${quote(file)} && `}chown root ${quote(file)} && chmod go-w ${quote(file)}`,
    },
  );
}

function readText(file: string, account: Account, insecurePath: boolean): string {
  return attempt(file, () => {
    if (!insecurePath) refuseWay(file, account);
    // O_NONBLOCK: opening a FIFO waits for a writer
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      refuseWriter(file, fd, account, insecurePath);
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  });
}

// File systems that always answer, because they have no server (statfs(2)): ext4, xfs, btrfs, tmpfs, overlay, f2fs, squashfs.
const ownTypes = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x73717368]);
const near = new Set<string>();

async function lookBeside(file: string): Promise<void> {
  const path = absolutePath(file);
  await waysBeside([bytePath(path)]);
  const { type } = await statfs(path).catch(() => ({ type: 0 }));
  if (near.size >= mostFilters) near.clear();
  if (ownTypes.has(type)) near.add(file);
}

/**
 * Resolves when the file system of a profile has answered: after that, launchFilter() does not hold the event loop. Undefined if there is
 * nothing to wait for.
 */
export function profileAnswers({ seccomp }: NormalRequest): Promise<void> | undefined {
  const file = seccomp?.file;
  return file === undefined || near.has(file) ? undefined : lookBeside(file);
}

/**
 * The filter of a launch that does not ask for the small one: the same object for the same request, until the profile changes.
 *
 * @param refused further calls that the program must not make, and the answers to them
 * @throws UsageError for unknown names, and for mistakes in the profile, with their place
 * @throws LaunchError if the profile cannot be read, or ERR_INSECURE_PATH if the program's user can write it
 */
export function launchFilter(
  request: NormalRequest,
  account: Account,
  architecture: string,
  refused?: ReadonlyMap<string, number>,
): Filter {
  const { allow, seccomp, caps, allowNewPrivs, insecurePath, noSetId, reportDenials } = request;
  const { file, isLog = false } = seccomp ?? {};
  const isIsolated = request.isolate || seccomp !== undefined;
  const isChild = hasInit(request);
  const hasStatus = request.statusFd !== undefined;
  // Somebody else, or the same user with other groups, may be able to write the profile.
  const judged = file === undefined ? '' : [file, identityOf(file), account.outside ?? toPerson(account)];
  const key = JSON.stringify([
    architecture,
    judged,
    isIsolated,
    isChild,
    hasStatus,
    isLog,
    noSetId,
    [...(refused ?? [])],
    allow,
    caps,
    allowNewPrivs,
    insecurePath,
    reportDenials,
  ]);
  const known = filters.get(key);
  if (known !== undefined) return known;
  const filter = makeFilter({
    architecture: architecture as FilterRequest['architecture'],
    caps,
    kernel: release(),
    isIsolated,
    isLog,
    profile: file === undefined ? undefined : { file, text: readText(file, account, insecurePath) },
    refused,
    noSetId,
    allow,
    allowNewPrivs,
    hasInit: isChild,
    hasStatus,
    isReported: reportDenials,
  });
  if (filters.size >= mostFilters) filters.clear();
  filters.set(key, filter);
  return filter;
}
