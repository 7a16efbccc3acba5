// Checks hosts.allow and hosts.deny: everything that tcpdchk(8) was meant to find, and what it misses.

import { statSync } from 'node:fs';

import { openFileRoot } from '../../binary/root.ts';
import { byPlace } from '../../findings/capped-list.ts';
import { type DaemonHost, HOST_ACCOUNTS, openDaemonHost } from '../daemon/daemon-host.ts';
import { type HostsOptions, openHosts } from '../hosts.ts';
import type { Rule } from '../rule/rule-table.ts';
import { CATALOG, type RuleId } from './catalog.ts';
import { Checked, type CheckFinding } from './checked.ts';
import { openDaemons } from './daemon-checks.ts';
import { checkText, tellFile } from './file-checks.ts';
import { type NameLookups, SYSTEM_LOOKUPS, tellNames } from './host-name-checks.ts';
import { type OptionFacts, tellDialects, tellImplicit, tellOptions } from './option-checks.ts';
import { coversAll, tellShadows } from './rule-order.ts';

export { type CheckFinding } from './checked.ts';

/** The files, and the dialect in which they are read. */
export type FileOptions = Pick<HostsOptions, 'allow' | 'deny' | 'dialect' | 'compat'>;

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

function checkRule(checked: Checked, rule: Rule, facts: OptionFacts, implicit: boolean): void {
  for (const told of tellOptions(rule, facts)) checked.tell(rule.line, told);
  if (implicit) for (const told of tellImplicit(rule, checked.table.role)) checked.tell(rule.line, told);
}

function checkOrder(all: readonly Checked[]): void {
  const owner = new Map(all.flatMap((checked) => checked.rules().map((rule) => [rule, checked] as const)));
  for (const [rule, told] of tellShadows([...owner.keys()])) owner.get(rule)?.tell(rule.line, told);
  for (const [rule, told] of tellDialects([...owner.keys()])) owner.get(rule)?.tell(rule.line, told);
}

const FACTS: OptionFacts = {
  ...HOST_ACCOUNTS,
  hasDirectory: (path) =>
    statSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false })?.isDirectory() === true,
};

function faultsOf({ faults }: DaemonHost): readonly CheckFinding[] {
  return faults.map(({ rule, file, line, message }) => {
    const { severity, remedy } = CATALOG[rule];
    return { rule, severity, file, line, column: undefined, message, remedy };
  });
}

/**
 * Checks both files.
 * @throws {UsageError} (rejects) as openHosts().
 */
export async function checkHosts(
  options: HostsCheckOptions = {},
  nameLookups: NameLookups = SYSTEM_LOOKUPS,
): Promise<readonly CheckFinding[]> {
  const { allow, deny, dialect, compat, root = '/', inetd } = options;
  const { tables } = openHosts({ allow, deny, dialect, compat });
  const checked = [tables.allow, tables.deny].map(({ table }) => new Checked(table));
  const fileRoot = openFileRoot(root);
  try {
    const host = openDaemonHost(fileRoot, inetd);
    const tellDaemons = openDaemons(host, options.daemons ?? []);
    for (const one of checked) {
      checkText(one);
      for (const { rule, message, remedy } of tellFile(one.table.file))
        one.add(rule, undefined, message, remedy);
      for (const rule of one.rules()) {
        checkRule(one, rule, FACTS, options.implicitAllow === true);
        for (const told of tellDaemons(rule)) one.tell(rule.line, told);
      }
    }
    checkOrder(checked);
    if (options.lookups !== false)
      for (const one of checked)
        for (const [rule, told] of await tellNames(one.rules(), nameLookups)) one.tell(rule.line, told);
    if (!coversAll(tables.allow.table, tables.deny.table))
      checked
        .at(-1)
        ?.add(
          'default-grant',
          undefined,
          'a client that no rule of either file matches is let in',
          undefined,
        );
    const findings = checked.flatMap(({ findings }) => findings.toSorted(byPlace));
    const ignored = new Set<RuleId>(options.ignore);
    return [...findings, ...faultsOf(host)].filter(({ rule }) => !ignored.has(rule));
  } finally {
    fileRoot.close();
  }
}
