// Checks hosts.allow and hosts.deny: everything that tcpdchk(8) was meant to find, and what it misses.

import { openFileRoot } from '../../tree/root.ts';
import { byPlace } from '../../findings/capped-list.ts';
import { openDaemonHost } from '../daemon/daemon-host.ts';
import { type FileOptions, openHosts } from '../hosts.ts';
import { CATALOG, type RuleId } from './catalog.ts';
import { Checked, checkFile, type CheckFinding, checkText } from './checked-file.ts';
import {
  checkDialects,
  checkImplicit,
  checkNames,
  checkOptions,
  type NameLookups,
  openDaemons,
  SYSTEM_LOOKUPS,
} from './host-checks.ts';
import { checkShadows, coversAll } from './rule-order.ts';

export { type CheckFinding } from './checked-file.ts';

/** See checkHosts(). */
export interface HostsCheckOptions extends FileOptions {
  /** Rules whose findings are left out. */
  readonly ignore?: readonly RuleId[] | undefined;
  /** Names of daemons that exist although no service and no program has them. */
  readonly daemons?: readonly string[] | undefined;
  /** /etc/inetd.conf by default. */
  readonly inetd?: string | undefined;
  /** Report rules that grant without `allow`. */
  readonly implicitAllow?: boolean | undefined;
  /** Whether host names are looked up; true by default. */
  readonly lookups?: boolean | undefined;
  /** Directory whose services are examined; `/` by default. */
  readonly root?: string | undefined;
}

/**
 * Checks both files.
 * @throws {UsageError} (rejects) as openHosts().
 */
export async function checkHosts(
  options: HostsCheckOptions = {},
  nameLookups: NameLookups = SYSTEM_LOOKUPS,
): Promise<readonly CheckFinding[]> {
  const { allow, deny, dialect, compat, root = '/', inetd, implicitAllow = false, lookups = true } = options;
  const { tables } = openHosts({ allow, deny, dialect, compat });
  const both = [new Checked(tables.allow), new Checked(tables.deny)] as const;
  const fileRoot = openFileRoot(root);
  try {
    const host = openDaemonHost(fileRoot, inetd);
    const checkDaemons = openDaemons(host, options.daemons ?? []);
    for (const checked of both) {
      checkText(checked);
      checkFile(checked.table.file, (rule, _, message, remedy) => checked.add(rule, {}, message, remedy));
      for (const rule of checked.rules) {
        const tell = checked.tellIn(rule);
        checkOptions(rule, tell);
        if (implicitAllow && checked.table.role === 'allow') checkImplicit(rule, tell);
        checkDaemons(rule, tell);
      }
    }
    checkShadows(both);
    checkDialects(both);
    if (lookups) for (const checked of both) await checkNames(checked, nameLookups);
    if (!coversAll(tables.allow, tables.deny))
      both[1].add('default-grant', {}, 'a client that no rule of either file matches is let in');
    const findings = both.flatMap(({ findings }) => findings.toSorted(byPlace));
    const faults = host.faults.map(({ rule, file, line, message }): CheckFinding => {
      const { severity, remedy } = CATALOG[rule];
      return { rule, severity, file, line, column: undefined, message, remedy };
    });
    const ignored = new Set<RuleId>(options.ignore);
    return [...findings, ...faults].filter(({ rule }) => !ignored.has(rule));
  } finally {
    fileRoot.close();
  }
}
