// Checks a jail: is it safe, and is it still what was built?

import { UsageError } from '../../errors.ts';
import { takeRequest } from '../../keys.ts';
import type { Bytes } from '../../quote.ts';
import { absolute } from '../host/hostpath.ts';
import type { JailUser } from '../packs/pack.ts';
import { checkFlag, checkWork, type JailWork, requireRoot, toReplace } from '../request/request.ts';
import { readUsers } from '../request/users.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import type { Entry } from './entry.ts';
import type { Finding, Severity } from './finding.ts';
import { fixAll } from './fix.ts';
import { parseIgnored } from './ignore.ts';
import { type CheckedJail, openChecked } from './jail.ts';
import { openMeeting } from './meet.ts';
import { openReport, type Report, type Reported, settle } from './report.ts';
import { rules } from './rules.ts';
import { type Scanned, scanJail } from './scan.ts';

export interface CheckRequest extends JailWork {
  /** Where the jail is, on the host. */
  readonly directory: Bytes;
  /** Accounts of the host that are to be jailed: what they can write counts. None: what anybody but root can. */
  readonly users?: readonly string[] | undefined;
  /** True: what has a safe remedy is put right. */
  readonly fix?: boolean | undefined;
  /** With `fix`: paths of the jail, each with all that lies in it, that are replaced and chowned as well. */
  readonly replace?: readonly Bytes[] | undefined;
  /** Ids of rules, each alone or with a colon and a path as findings have it: no finding of it there, nor below. */
  readonly ignore?: readonly Bytes[] | undefined;
}

export interface CheckReport {
  /** By severity, then by rule, then root's before those of others. Of one rule 10,000 at most, and one more that says so. */
  readonly findings: readonly Finding[];
  /** By rule, how many findings are not in the list; only rules of which some are not. */
  readonly cut: Readonly<Record<string, number>>;
  /** Regular files in the jail, and their size together. */
  readonly files: number;
  readonly sizeBytes: number;
  /** How many findings there are, those that are left out among them; `fixed` are no longer counted in the others. */
  readonly counts: Readonly<Record<Severity, number>> & { readonly fixed: number };
}

/**
 * Looks at everything in a jail and on the way to it. Nothing of it is executed, nothing is changed unless `fix` is given, and
 * other file systems that are mounted in it are not entered. A jail that buildJail has not made is checked as far as that goes.
 * @throws UsageError; JailError ENOENT, ENOTDIR, EPERM for everybody but root; system errors as JailError; AbortError.
 */
export async function checkJail(asked: CheckRequest): Promise<CheckReport> {
  const request = takeRequest(asked, (own) => {
    checkWork(own, ['directory', 'users', 'fix', 'replace', 'ignore', 'signal', 'onProgress']);
    checkFlag(own.fix, 'fix');
  });
  const replace = toReplace(request);
  if (replace.length > 0 && request.fix !== true)
    throw new UsageError('replace says what fix may replace: fix is not given');
  const ignored = parseIgnored(bytesOf(request.ignore, 'ignore'), rules);
  requireRoot('checked');
  const users = readUsers(textsOf(request.users, 'users'));
  const look = (fix?: Fixer) => lookAtAll(request, openReport(rules, ignored), users, fix);
  try {
    if (request.fix !== true) return reportOf(await look());
    const before = await look((jail, reported) => fixAll(jail, reported, replace));
    // what is right now, only another look can tell: one remedy may be the end of several findings
    return reportOf(before.fixed.length === 0 ? before : await look(), before.fixed);
  } catch (error) {
    throw toJailError(error);
  }
}

type Fixer = (jail: CheckedJail, reported: readonly Reported[]) => Promise<readonly Reported[]>;

interface Look {
  readonly scanned: Scanned;
  readonly report: Report;
  /** What was put right after it. */
  readonly fixed: readonly Reported[];
}

async function lookAtAll(
  request: CheckRequest,
  report: Report,
  users: readonly JailUser[],
  fix?: Fixer,
): Promise<Look> {
  throwIfAborted(request.signal);
  const jail = openChecked(absolute(request.directory), users);
  try {
    const scanned = await scanJail(jail.root, jail.manifest, meeting(jail, report), request);
    for (const rule of rules) {
      throwIfAborted(request.signal);
      for (const found of rule.look?.(jail) ?? []) report.add(rule, found);
      if (rule.lookSlowly === undefined) continue;
      for await (const found of rule.lookSlowly(jail)) report.add(rule, found);
    }
    return { scanned, report, fixed: (await fix?.(jail, report.all())) ?? [] };
  } finally {
    jail.close();
  }
}

function meeting(jail: CheckedJail, report: Report): (entry: Entry) => void {
  const meet = openMeeting(rules, jail, report);
  return (entry) => {
    if (entry.zone === 'store') return;
    jail.seen.note(entry);
    meet(entry);
  };
}

/** With what was fixed before this look, if anything was to be. */
function reportOf({ report, scanned }: Look, fixed?: readonly Reported[]): CheckReport {
  const left = report.all();
  const findings = fixed === undefined ? left.map(({ finding }) => finding) : settle(left, fixed, rules);
  return {
    findings,
    cut: report.cut(),
    ...scanned,
    counts: {
      error: report.count('error'),
      warning: report.count('warning'),
      note: report.count('note'),
      fixed: findings.filter((finding) => finding.fixed === true).length,
    },
  };
}

function textsOf(value: unknown, what: string): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.some((text) => typeof text !== 'string' || text === ''))
    throw new UsageError(`${what} must be a list of strings`);
  return value as string[];
}

function bytesOf(value: unknown, what: string): readonly Bytes[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string' && !(one instanceof Uint8Array)))
    throw new UsageError(`${what} must be a list of strings or bytes`);
  return value as Bytes[];
}
