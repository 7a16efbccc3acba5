// Decides whether the jail's directory is safe from the program's user. lib/trust judges; this file finds the words. Pure but for the
// working directory and the hint for a path that is not there.
import { accessSync, constants, existsSync } from 'node:fs';
import { resolve } from 'node:path';

import {
  bytePath,
  type BytePath,
  lastComponent,
  parentPath,
  pathBytes,
  placeInSrv,
  showPath,
  trimSlashes,
} from '../../tree/path.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { LaunchError } from '../../errors.ts';
import type { HostFacts } from '../../native.ts';
import { jailOfName, nearestJail } from '../../tree/misspelt-path.ts';
import { quote } from '../../words/quote.ts';
import { bySudo, commandLine, shellWord } from '../../words/shell-word.ts';
import { waySeenBy } from '../../trust/owner.ts';
import {
  foreignLink,
  isForAll,
  isOthers,
  judgeWay,
  remedyOf,
  type Way,
  type WayFinding,
} from '../../trust/way.ts';
import type { Person } from '../../trust/writer.ts';
import { lookOr } from '../../words/system-error.ts';
import type { NormalRequest } from '../request/request.ts';
import { toPerson, type Account, type Outside } from './account.ts';
import { isOwn } from './rootless.ts';

/**
 * An absolute path without `.` and double slashes. Every `..` is kept, because it cannot be resolved in the text: after a symbolic link,
 * `..` is the parent of the link's target (path_resolution(7)).
 */
export function absolutePath(path: string): string {
  if (!path.split('/').includes('..')) return resolve(path);
  return path.startsWith('/') ? path : `${process.cwd()}/${path}`;
}

const hintOf: Readonly<Record<string, string>> = {
  ENOTDIR: 'give the directory that is to become the root directory, not a file',
  ELOOP: 'the symbolic links on the way lead in a circle',
  EXDEV:
    'it leads into another mount namespace: start uchroot in that one, with nsenter --mount --target PID',
};

/** The error for a jail that cannot be reached. */
export function unreachable(
  facts: Pick<HostFacts, 'walkErrno' | 'walkPath'>,
  request?: Pick<NormalRequest, 'jail' | 'program'>,
): LaunchError {
  const errno = facts.walkErrno ?? 0;
  const path = quote(facts.walkPath ?? '');
  const code = errnoName(errno);
  return new LaunchError(`jail: ${path}: ${reason(errno)}`, {
    step: 'jail',
    call: 'openat',
    code,
    errno,
    path,
    hint:
      code === 'ENOENT' && request !== undefined
        ? buildHint(request)
        : code === 'EACCES'
          ? notLetIn(request?.program)
          : hintOf[code],
  });
}

const notLetIn = (program: NormalRequest['program']): string =>
  `this user may not enter it; one of his own: uchroot-jail build ~/jail ${shellWord(bytePath(program ?? '/bin/sh'))}`;

/** The error for a jail whose mode or owner keeps an ordinary caller out. */
export function closedJail(
  { jail, program }: Pick<NormalRequest, 'jail' | 'program'>,
  owner: number,
): LaunchError {
  const path = quote(jail);
  const message = `jail: ${path}: permission denied`;
  const hint =
    owner === process.geteuid?.() ? commandLine('chmod', 'u+rwx', bytePath(jail)) : notLetIn(program);
  return new LaunchError(message, { step: 'jail', call: 'openat', code: 'EACCES', errno: 13, path, hint });
}

const buildLine = (path: string, program: NormalRequest['program']): string =>
  commandLine('uchroot-jail', 'build', path, bytePath(program ?? '/bin/sh'));

// The jail that is not there may be another one in the same directory, misspelt.
function buildHint({ jail, program }: Pick<NormalRequest, 'jail' | 'program'>): string {
  const path = trimSlashes(bytePath(jail));
  const meant = nearestJail(path) ?? jailOfName(lastComponent(path));
  if (meant !== undefined) return `did you mean ${showPath(meant)}?`;
  const line = buildLine(path, program);
  return mayWriteTo(parentPath(path)) ? line : bySudo(line);
}

// The builder makes directories above the jail too.
function mayWriteTo(directory: BytePath): boolean {
  if (directory !== '/' && !existsSync(pathBytes(directory))) return mayWriteTo(parentPath(directory));
  return lookOr(false, () => {
    accessSync(pathBytes(directory), constants.W_OK);
    return true;
  });
}

/** A finding about the path to a directory. It refuses the launch, or is a warning. */
export interface DirectoryFinding {
  readonly refuses: boolean;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
  /** What to do after the hint. */
  readonly note?: string | undefined;
}

// The target of a path: the step that opens it, the beginning of messages, and its name in them.
interface Destination {
  readonly step: string;
  readonly title: string;
  readonly name: string;
  /** The command that makes another one in a safe place. */
  readonly elsewhere?: (isHostRoot: boolean) => string;
}

const jail: Destination = { step: 'jail', title: 'jail', name: 'the jail' };

/** The directory of a jail, for messages. */
export function jailFor({ jail: path, program }: Pick<NormalRequest, 'jail' | 'program'>): Destination {
  return {
    ...jail,
    elsewhere: (isHostRoot) => buildLine(isHostRoot ? '/srv/jail' : placeInSrv(bytePath(path)), program),
  };
}

/** Judges every component of the path, the directory itself last. */
export function judgeDirectory(
  way: Way,
  account: Account,
  to: Destination = jail,
): readonly DirectoryFinding[] {
  const { outside } = account;
  const findings =
    outside === undefined
      ? judgeWay(way, [toPerson(account)])
      : // Directories of the caller are safe: the program reaches only those that he has put into its view (refuseOwnReach).
        judgeWay(waySeenBy(outside, withOwnIds(way, outside)), [nobody]);
  return findings.map((finding, at) =>
    toMessage(finding, to, account, findings.slice(0, at).some(isOwnedAs(finding))),
  );
}

// Giving a jail to root helps nobody if a directory above it stays another's.
const isOwnedAs =
  (finding: WayFinding) =>
  ({ kind, component }: WayFinding): boolean =>
    kind === 'owner' && finding.kind === kind && finding.component.uid === component.uid;

// The caller's range of ids belongs to him alone, as his uid does.
function withOwnIds(way: Way, outside: Outside): Way {
  if (outside.maps === undefined) return way;
  const components = way.components.map((one) =>
    isOwn(outside, one.uid) ? { ...one, uid: outside.uid } : one,
  );
  return { ...way, components };
}

const nobody: Person = { uid: -1, gids: [] };

function toMessage(
  finding: WayFinding,
  { title, name, elsewhere }: Destination,
  { home, outside }: Account,
  isBelow: boolean,
): DirectoryFinding {
  const { refuses, kind, isEnd, how } = finding;
  const path = quote(finding.component.path);
  const above = refuses && !isEnd ? `, above ${name},` : '';
  const end =
    kind === 'link' || kind === 'entry'
      ? ', who could put another one in its place'
      : kind === 'host-root'
        ? ''
        : ', who could replace what is in it';
  const isElsewhere =
    isBelow || kind === 'host-root' || isOthers(finding) || (kind === 'owner' && path === home);
  const word = shellWord(bytePath(finding.component.path));
  const remedy = isForAll(finding)
    ? 'name a directory below it'
    : remedyOf(finding, word, outside === undefined);
  const meant = isElsewhere && outside === undefined ? (elsewhere?.(kind === 'host-root') ?? remedy) : remedy;
  const isJails = elsewhere !== undefined && kind === 'owner' && meant === remedy && outside === undefined;
  const note = isJails ? `uchroot-jail check ${word} shows what else in it is the user's` : undefined;
  // a launch by root, which an ordinary user plans, checks or compiles
  const hint = outside === undefined ? bySudo(meant) : meant;
  return { refuses, path, message: `${title}: ${path}${above} ${how}${end}`, hint, note };
}

/** The findings as warnings. @throws LaunchError ERR_INSECURE_PATH for the first finding that refuses */
export function acceptDirectory(
  findings: readonly DirectoryFinding[],
  insecurePath: boolean,
  { step }: Pick<Destination, 'step'> = jail,
): readonly DirectoryFinding[] {
  const refusal = insecurePath ? undefined : findings.find((finding) => finding.refuses);
  if (refusal === undefined) return findings;
  throw new LaunchError(refusal.message, {
    step,
    code: 'ERR_INSECURE_PATH',
    path: refusal.path,
    hint: `${refusal.hint}   # ${refusal.note === undefined ? '' : `${refusal.note}; `}or accept the risk with --insecure-path`,
  });
}

/**
 * Refuses a link on the way that is not root's. Whoever has put it there chooses what the program sees, with the rights of the caller. An
 * ordinary user cannot tell his own links from those of his programs in jails, which have his uid.
 *
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function refuseLink(way: Way, { step, title }: Pick<Destination, 'step' | 'title'> = jail): void {
  const link = foreignLink(way);
  if (link === undefined) return;
  const [path, end] = [link, way.components.at(-1) ?? link].map((one) => quote(one.path));
  const target = quote(link.link ?? '');
  throw new LaunchError(
    `${title}: ${path} is a link of uid ${link.uid} to ${target}: only links of root are followed, as a program in another jail could have put it there`,
    {
      step,
      code: 'ERR_INSECURE_PATH',
      path,
      hint: `if that is what you mean, name ${way.endsInEntry === true ? end : 'the path to which it leads'}   # or accept the risk with --insecure-path`,
    },
  );
}
