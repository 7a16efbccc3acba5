// Checks hosts.allow and hosts.deny: all that tcpdchk(8) was meant to find, and what it misses.

import { statSync } from 'node:fs';

import { openFileRoot } from '../../binary/root.ts';
import { byPlace } from '../../findings/capped-list.ts';
import type { Bytes } from '../../quote.ts';
import { HOST_ACCOUNTS } from '../daemon/accounts.ts';
import { type DaemonHost, openDaemonHost } from '../daemon/host.ts';
import { openHosts } from '../hosts.ts';
import type { Dialect } from '../parse/dialect.ts';
import type { Rule } from '../rule/rule.ts';
import { CATALOG, type RuleId } from './catalog.ts';
import { Checked, type CheckFinding } from './checked.ts';
import { openDaemons } from './daemons.ts';
import { tellFile } from './files.ts';
import { type NameLookups, SYSTEM_LOOKUPS, tellNames } from './names.ts';
import { coversAll, tellShadows } from './order.ts';
import { type OptionFacts, tellDialects, tellImplicit, tellOptions } from './options.ts';
import { checkText } from './text.ts';

export { type CheckFinding } from './checked.ts';

export interface CheckRequest {
  /** Paths of the files, those of /etc by default. */
  readonly allow?: Bytes | undefined;
  readonly deny?: Bytes | undefined;
  readonly dialect?: Dialect | undefined;
  /** `libwrap`: a last line without a newline is not read. */
  readonly compat?: 'libwrap' | undefined;
  /** Rules whose findings are not wanted. */
  readonly ignore?: readonly RuleId[];
  /** Names of daemons that are there although nothing tells of them. */
  readonly daemons?: readonly string[];
  /** Tell of rules that grant without `allow`. */
  readonly implicitAllow?: boolean;
  /** false: do not look host names up. */
  readonly lookups?: NameLookups | false | undefined;
  /** Directory whose services are looked at, `/` by default; and the inetd.conf there. */
  readonly root?: string;
  readonly inetd?: string | undefined;
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
 * Checks both files, file by file and line by line.
 * @throws {UsageError} (rejects) as openHosts().
 */
export async function checkHosts(request: CheckRequest = {}): Promise<readonly CheckFinding[]> {
  const { allow, deny, dialect, compat, lookups = SYSTEM_LOOKUPS, root = '/', inetd } = request;
  const { tables } = openHosts({ allow, deny, dialect, compat });
  const checked = [tables.allow, tables.deny].map(({ table }) => new Checked(table));
  const fileRoot = openFileRoot(root);
  try {
    const host = openDaemonHost(fileRoot, { inetd });
    const tellDaemons = openDaemons(host, request.daemons ?? []);
    for (const one of checked) {
      checkText(one);
      for (const { rule, message, remedy } of tellFile(one.table.file))
        one.add(rule, undefined, message, remedy);
      for (const rule of one.rules()) {
        checkRule(one, rule, FACTS, request.implicitAllow === true);
        for (const told of tellDaemons(rule)) one.tell(rule.line, told);
      }
    }
    checkOrder(checked);
    if (lookups !== false)
      for (const one of checked)
        for (const [rule, told] of await tellNames(one.rules(), lookups)) one.tell(rule.line, told);
    if (!coversAll(tables.allow.table, tables.deny.table))
      checked
        .at(-1)
        ?.add('default-grant', undefined, 'whom no rule of either file matches is let in', undefined);
    const findings = checked.flatMap(({ findings }) => findings.toSorted(byPlace));
    const ignored = new Set<RuleId>(request.ignore);
    return [...findings, ...faultsOf(host)].filter(({ rule }) => !ignored.has(rule));
  } finally {
    fileRoot.close();
  }
}
