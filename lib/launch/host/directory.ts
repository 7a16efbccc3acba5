// Whether a directory is safe from the user who is to be jailed: the judgement of lib/trust in the words of a launch. Pure.
import { LaunchError } from '../../errors.ts';
import type { HostFacts } from '../../native.ts';
import { quote } from '../../quote.ts';
import { judgeWay, remedyOf, type Way, type WayFinding } from '../../trust/way.ts';
import { toPerson, type Account } from './account.ts';
import { errnoName, reason } from '../../errno.ts';

const hintOf: Readonly<Record<string, string>> = {
  ENOENT: 'build the jail first: uchroot-jail build DIRECTORY PROGRAM',
  ENOTDIR: 'give the directory that is to become the root directory, not a file',
  ELOOP: 'the symbolic links on the way lead in a circle',
  EXDEV:
    'it leads into another mount namespace: start uchroot in that one, with nsenter --mount --target PID',
};

/** The error for a jail that could not be reached. */
export function unreachable(facts: Pick<HostFacts, 'walkErrno' | 'walkPath'>): LaunchError {
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

/** A finding about the way to a directory: it refuses the launch, or only warns. */
export interface DirectoryFinding {
  readonly refuses: boolean;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/** What a way leads to: the step that opens it, and how messages begin and name it. */
interface Destination {
  readonly step: string;
  readonly title: string;
  readonly name: string;
}

const jail: Destination = { step: 'jail', title: 'jail', name: 'the jail' };

/** Judges every component of the path, the directory itself last. */
export function judgeDirectory(
  way: Way,
  account: Account,
  to: Destination = jail,
): readonly DirectoryFinding[] {
  return judgeWay(way, [toPerson(account)]).map((finding) => toMessage(finding, to));
}

function toMessage(finding: WayFinding, { title, name }: Destination): DirectoryFinding {
  const { refuses, kind, isEnd, how } = finding;
  const path = quote(finding.component.path);
  const above = refuses && !isEnd ? `, above ${name},` : '';
  const end = consequences[kind];
  return { refuses, path, message: `${title}: ${path}${above} ${how}${end}`, hint: remedyOf(finding, path) };
}

const consequences: Readonly<Record<WayFinding['kind'], string>> = {
  owner: ', who could replace what is in it',
  writable: ', who could replace what is in it',
  link: ', who could set it anew',
  'host-root': '',
};

/** Throws the first finding that refuses; the warnings otherwise. */
export function acceptDirectory(
  findings: readonly DirectoryFinding[],
  insecurePath: boolean,
  { step }: Destination = jail,
): readonly DirectoryFinding[] {
  const refusal = insecurePath ? undefined : findings.find((finding) => finding.refuses);
  if (refusal === undefined) return findings;
  throw new LaunchError(refusal.message, {
    step,
    code: 'ERR_INSECURE_PATH',
    path: refusal.path,
    hint: `${refusal.hint}   (or accept the risk with --insecure-path)`,
  });
}
