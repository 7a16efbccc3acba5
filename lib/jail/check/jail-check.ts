// Checks a jail: is it safe, and is it still what was built?

import type { BytePath } from '../../tree/path.ts';
import { needs } from '../../values/wrong.ts';
import type { Counts } from '../../findings/finding-severity.ts';
import { takeRequest } from '../../values/keys.ts';
import { expecting, list, optional } from '../../values/validators.ts';
import type { Bytes } from '../../words/quote.ts';
import { absolute } from '../host/given-path.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { JailUser } from '../packs/pack.ts';
import { checkRows, type JailWork, toReplace, WORK } from '../request/jail-request.ts';
import { readUsers } from '../request/named-on-host.ts';
import { closing } from '../work/closing.ts';
import { throwIfAborted, withJailErrors } from '../work/jail-error.ts';
import { openTurns } from '../work/steps.ts';
import { openMeeting, parseIgnored, Report, type Reported, settle } from './check-report.ts';
import type { Finding } from './check-rule.ts';
import { type Entry, scanJail, type Scanned } from './checked-entry.ts';
import { openChecked } from './checked-jail.ts';
import { fixAll } from './fix.ts';
import { complete } from './remedies.ts';
import { rules } from './rules.ts';

const toIgnore = optional(
  list(
    // a text has escapes, and bytes have none
    expecting<Bytes>('a string or a Uint8Array', 'mode', (one) =>
      typeof one === 'string' || one instanceof Uint8Array ? one : undefined,
    ),
    ['mode'],
  ),
  [],
);

export interface CheckRequest extends JailWork {
  /** Where the jail is, on the host. */
  readonly directory: Bytes;
  /** Accounts of the host that are to be jailed: what they can write counts. Without any: what anybody but root can write. */
  readonly users?: readonly string[] | undefined;
  /** True: whatever has a safe fix is fixed. */
  readonly fix?: boolean | undefined;
  /** With `fix`: paths of the jail at and below which data may be replaced and chowned as well. */
  readonly replace?: readonly Bytes[] | undefined;
  /** Rules whose findings are not wanted: an id; or an id, a colon, and a path as findings show it, for that path and below. */
  readonly ignore?: readonly Bytes[] | undefined;
}

export interface CheckReport {
  /** By severity, then by rule, then root's before those of others. At most 10,000 for each rule, and one more that says so. */
  readonly findings: readonly Finding[];
  /** How many findings of a rule are left out of the list; only for rules that have such findings. */
  readonly cut: Readonly<Record<string, number>>;
  /** The number of regular files in the jail, and their total size. */
  readonly files: number;
  readonly sizeBytes: number;
  /** How many findings there are, including those left out of the list; those that are `fixed` count only there. */
  readonly counts: Counts & { readonly fixed: number };
}

/**
 * Checks everything in a jail and on the way to it. It executes nothing, changes nothing without `fix`, and does not enter other
 * file systems that are mounted in the jail. A jail that was not built by buildJail() is checked without a manifest.
 * @throws UsageError; JailError ENOENT, ENOTDIR; system errors as JailError; AbortError.
 */
export async function checkJail(asked: CheckRequest): Promise<CheckReport> {
  return checkWith(asked);
}

/** As checkJail. @param settled the manifest, if the caller has read it and nobody changes it meanwhile */
export async function checkWith(asked: CheckRequest, settled?: Manifest): Promise<CheckReport> {
  const request = takeRequest(asked, (own) =>
    checkRows(own, [...WORK, 'users', 'fix', 'replace'], ['ignore']),
  );
  const replace = toReplace(request);
  if (replace.length > 0 && request.fix !== true)
    throw needs('replace', 'fix', true, 'it says what a fix may replace');
  const ignore = toIgnore(request.ignore, 'ignore');
  const ignored = parseIgnored(ignore, rules);
  const users = readUsers(request.users ?? []);
  return withJailErrors(async () => {
    const look = (replaced?: readonly BytePath[]) =>
      lookAtAll(request, new Report(rules, ignored), { users, replace: replaced, settled });
    if (request.fix !== true) return reportOf(await look());
    const before = await look(replace);
    // one fix may end several findings: only another look can tell what is left
    return reportOf(before.fixed.length === 0 ? before : await look(), before.fixed);
  }, absolute(request.directory));
}

interface Look {
  readonly scanned: Scanned;
  readonly report: Report;
  /** The findings that were fixed after it. */
  readonly fixed: readonly Reported[];
}

interface Given {
  readonly users: readonly JailUser[];
  readonly replace: readonly BytePath[] | undefined;
  readonly settled: Manifest | undefined;
}

/** Looks at everything. If `replace` is given, all that can be fixed is fixed then. */
async function lookAtAll(
  request: CheckRequest,
  report: Report,
  { users, replace, settled }: Given,
): Promise<Look> {
  throwIfAborted(request.signal);
  return closing(openChecked(absolute(request.directory), users, settled), async (jail) => {
    // between two versions programs may not find their libraries: that says no more than that the change is not complete
    const isSettled = jail.unsettled.size === 0;
    const asked = rules.filter(({ group }) => isSettled || (group !== 'fitness' && group !== 'staleness'));
    const meet = openMeeting(asked, jail, report);
    const meetAny = (entry: Entry) => {
      if (entry.zone === 'store') return;
      jail.seen.note(entry);
      meet(entry);
    };
    const turns = openTurns();
    const scanned = await scanJail(jail.root, jail.manifest, meetAny, request);
    for (const rule of asked) {
      // one looks at all processes of the host, another at all that programs load
      await turns();
      throwIfAborted(request.signal);
      for (const found of rule.look?.(jail) ?? []) report.add(rule, complete(rule, found, jail));
      if (rule.lookSlowly === undefined) continue;
      for await (const found of rule.lookSlowly(jail)) report.add(rule, complete(rule, found, jail));
    }
    return { scanned, report, fixed: replace === undefined ? [] : await fixAll(jail, report.all(), replace) };
  });
}

/** The report of a look; `fixed` is what was fixed before it, and undefined without `fix`. */
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
