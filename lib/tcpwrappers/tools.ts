// match, check and export for programs. Their modules, such as a reader of ELF files, are loaded at the first call: a
// server that only decides does not need them.

import { statSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { checkKeys, takeRequest } from '../values/keys.ts';
import { expecting, flag, list, oneOf, optional, text } from '../values/validators.ts';
import { quote } from '../words/quote.ts';
import type { CheckFinding } from './check/checked-file.ts';
import type { HostsCheckOptions } from './check/hosts-check.ts';
import { checkDescription, type RequestDescription } from './connection/request-info.ts';
import type { HostsExplanation } from './check/explanation.ts';
import type { Untranslated, Unusable } from './export/rule-translation.ts';
import type { DaemonPort, ExportOptions } from './export/export.ts';
import type { DaemonUnit, DropIn } from './export/systemd-drop-ins.ts';
import { FILE_KEYS, type FileOptions, type HostsOptions, openHosts } from './hosts.ts';
import { toUtf8 } from './text/latin1.ts';

/** See explainHosts(). */
export type HostsExplainOptions = FileOptions & Pick<HostsOptions, 'nameTimeoutMs'>;

/**
 * A decision with all that led to it, as `uchroot-tcpd match` shows it: rules that do not match, look-ups, doubts.
 * Nothing is run, and the client is not asked for its user.
 * @throws {UsageError} (rejects) as openHosts() and Hosts.check().
 */
export async function explainHosts(
  request: RequestDescription,
  options: HostsExplainOptions = {},
): Promise<HostsExplanation> {
  checkDescription(request);
  const own = takeRequest(options, (given) => checkKeys(given, new Set([...FILE_KEYS, 'nameTimeoutMs'])));
  const described = takeRequest(request, () => undefined);
  const { tables } = openHosts(own);
  const { explain } = await import('./check/explanation.ts');
  return explain(tables, described, own.nameTimeoutMs ?? 10_000);
}

const toPath = optional(text('a path', '/etc/inetd.conf', /^[^\0]+$/s));
const toRoot = optional(text('a path', '/', /^[^\0]+$/s), '/');

function checkRoot(given: string | undefined): void {
  const root = toRoot(given, 'root');
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`root ${quote(root)} is no directory`, { hint: "write root: '/', or leave it out" });
}

const CHECK_KEYS: readonly (keyof HostsCheckOptions)[] = [
  ...FILE_KEYS,
  ...(['ignore', 'daemons', 'inetd', 'implicitAllow', 'lookups', 'root'] as const),
];

const texts = optional(list(text(), ['sshd']), []);

function checkCheckOptions(options: HostsCheckOptions): void {
  checkKeys(options, new Set(CHECK_KEYS));
  texts(options.ignore, 'ignore');
  texts(options.daemons, 'daemons');
  flag(options.implicitAllow, 'implicitAllow');
  flag(options.lookups, 'lookups');
  toPath(options.inetd, 'inetd');
  checkRoot(options.root);
}

/**
 * Problems in both files, as `uchroot-tcpd check` shows them.
 * @throws {UsageError} (rejects) for a wrong option.
 */
export async function checkHosts(options: HostsCheckOptions = {}): Promise<readonly CheckFinding[]> {
  const own = takeRequest(options, checkCheckOptions);
  const [{ checkHosts: check }, { listRules }, { findRule }] = await Promise.all([
    import('./check/hosts-check.ts'),
    import('./check/catalog.ts'),
    import('../findings/finding-severity.ts'),
  ]);
  for (const rule of own.ignore ?? []) findRule(rule, listRules());
  return check(own);
}

/** See exportHosts(). */
export interface HostsExportOptions extends FileOptions, ExportOptions {
  /** A table for nftables, or drop-ins for units of systemd. */
  readonly to: 'nftables' | 'systemd';
}

/** The result of exportHosts(). */
export interface HostsExport {
  /** Empty if it is `unusable`. */
  readonly files: readonly DropIn[];
  /** What could not be translated. */
  readonly untranslated: readonly Untranslated[];
  /** Why nothing is translated. */
  readonly unusable: Unusable | undefined;
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '';

const toPorts = optional(
  list(
    expecting<DaemonPort>(
      'a daemon, a port and perhaps a protocol',
      { daemon: 'sshd', port: 22 },
      (value) => {
        const { daemon, port = -1, protocol = 'tcp' } = (value ?? {}) as Partial<DaemonPort>;
        const isRight =
          Number.isInteger(port) && port >= 0 && port <= 65_535 && ['tcp', 'udp'].includes(protocol);
        return isName(daemon) && isRight ? (value as DaemonPort) : undefined;
      },
    ),
    [{ daemon: 'sshd', port: 22 }],
  ),
);

// the unit becomes part of a path
const toUnits = optional(
  list(
    expecting<DaemonUnit>('a daemon and its unit', { daemon: 'sshd', unit: 'ssh.service' }, (value) => {
      const { daemon, unit = '' } = (value ?? {}) as Partial<DaemonUnit>;
      return isName(daemon) && /^[\w@.:\\-]+\.service$/.test(unit) ? (value as DaemonUnit) : undefined;
    }),
    [{ daemon: 'sshd', unit: 'ssh.service' }],
  ),
);

function checkExportOptions(options: HostsExportOptions): void {
  checkKeys(options, new Set([...FILE_KEYS, 'to', 'ports', 'units', 'root']), "{to: 'nftables'}");
  const { to, ports, units, root } = options;
  oneOf(['nftables', 'systemd'])(to, 'to');
  toPorts(ports, 'ports');
  toUnits(units, 'units');
  checkRoot(root);
}

/**
 * Translates the rules for a packet filter or for systemd, as `uchroot-tcpd export`; no file is written.
 * @throws {UsageError} (rejects) for a wrong option.
 */
export async function exportHosts(options: HostsExportOptions): Promise<HostsExport> {
  const own = takeRequest(options, checkExportOptions);
  const { exportNftables, exportSystemd } = await import('./export/export.ts');
  const { to, allow, deny, dialect, compat, ...facts } = own;
  const { tables } = openHosts({ allow, deny, dialect, compat });
  const exported = (to === 'nftables' ? exportNftables : exportSystemd)(tables, facts);
  return 'unusable' in exported
    ? { files: [], untranslated: [], unusable: readable(exported.unusable) }
    : { files: exported.files, untranslated: exported.untranslated.map(readable), unusable: undefined };
}

// Rules have one byte a character.
function readable<Loss extends Untranslated>(loss: Loss): Loss {
  return { ...loss, file: toUtf8(loss.file), word: toUtf8(loss.word) };
}
