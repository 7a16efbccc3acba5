// match, check and export for programs. What they need, such as a reader of ELF files, is loaded when one is first called:
// a server that only asks who may connect has no use for it.

import { statSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { checkKeys, takeRequest } from '../keys.ts';
import { quote } from '../quote.ts';
import type { RuleId } from './check/catalog.ts';
import type { CheckFinding } from './check/checked.ts';
import type { HostsExplanation } from './explain/told.ts';
import type { DaemonUnit, DropIn } from './export/systemd.ts';
import type { Untranslated, Unusable } from './export/untranslated.ts';
import { type HostsOptions, openHosts } from './hosts.ts';
import type { RequestDescription } from './request/request.ts';
import { toUtf8 } from './text/utf8.ts';

/** Which files, and in which language. */
type Files = Pick<HostsOptions, 'allow' | 'deny' | 'dialect' | 'compat'>;

const FILE_KEYS = ['allow', 'deny', 'dialect', 'compat'] as const satisfies readonly (keyof Files)[];

function filesOf({ allow, deny, dialect, compat }: Files): Files {
  return { allow, deny, dialect, compat };
}

/** See explainHosts(). */
export type HostsExplainOptions = Files & Pick<HostsOptions, 'nameTimeoutMs'>;

const EXPLAIN_KEYS = [...FILE_KEYS, 'nameTimeoutMs'];

/**
 * A decision with all that led to it, as `uchroot-tcpd match` tells it: rules that do not match, look-ups, doubts. Nothing
 * is run, and no user of a client is asked for.
 * @throws {UsageError} (rejects) as openHosts() and Hosts.check().
 */
export async function explainHosts(
  request: RequestDescription,
  options: HostsExplainOptions = {},
): Promise<HostsExplanation> {
  const own = takeRequest(options, (given) => checkKeys(given, new Set(EXPLAIN_KEYS)));
  const described = takeRequest(request, () => undefined);
  const { tables } = openHosts(own);
  const [{ explain }, { toExplanation }] = await Promise.all([
    import('./explain/explain.ts'),
    import('./explain/told.ts'),
  ]);
  return toExplanation(await explain(tables, described, own.nameTimeoutMs ?? 10_000));
}

/** See checkHosts(). */
export interface HostsCheckOptions extends Files {
  /** Rules whose findings are not wanted. */
  readonly ignore?: readonly RuleId[] | undefined;
  /** Names of daemons that are there although nothing tells of them. */
  readonly daemons?: readonly string[] | undefined;
  /** /etc/inetd.conf by default. */
  readonly inetd?: string | undefined;
  /** Tell of rules that grant without `allow`. */
  readonly implicitAllow?: boolean | undefined;
  /** Whether host names are looked up; true by default. */
  readonly lookups?: boolean | undefined;
  /** Directory whose services are looked at; `/` by default. */
  readonly root?: string | undefined;
}

function checkCheckOptions(options: HostsCheckOptions): void {
  checkKeys(
    options,
    new Set([...FILE_KEYS, 'ignore', 'daemons', 'inetd', 'implicitAllow', 'lookups', 'root']),
  );
  for (const key of ['ignore', 'daemons'] as const) checkTexts(options[key], key);
  checkText(options.inetd, 'inetd');
  checkRoot(options.root);
  for (const key of ['implicitAllow', 'lookups'] as const)
    if (options[key] !== undefined && typeof options[key] !== 'boolean')
      throw new UsageError(`${key} must be true or false`);
}

/**
 * What is wrong with both files, as `uchroot-tcpd check` tells it.
 * @throws {UsageError} (rejects) for a wrong option.
 */
export async function checkHosts(options: HostsCheckOptions = {}): Promise<readonly CheckFinding[]> {
  const own = takeRequest(options, checkCheckOptions);
  const [{ checkHosts: check }, { listRules }, { findRule }] = await Promise.all([
    import('./check/check.ts'),
    import('./check/catalog.ts'),
    import('../findings/finding-severity.ts'),
  ]);
  const { ignore = [], daemons = [], inetd, implicitAllow = false, root = '/' } = own;
  for (const rule of ignore) findRule(rule, listRules());
  const lookups = own.lookups === false ? false : undefined;
  return check({ ...filesOf(own), ignore, daemons, inetd, implicitAllow, lookups, root });
}

/** A port of a daemon, of both protocols if none is named. */
export interface DaemonPort {
  readonly daemon: string;
  readonly port: number;
  readonly protocol?: 'tcp' | 'udp' | undefined;
}

/** See exportHosts(). */
export interface HostsExportOptions extends Files {
  /** A table of nftables, or drop-ins for units of systemd. */
  readonly to: 'nftables' | 'systemd';
  /** Ports of daemons, besides those that are found. */
  readonly ports?: readonly DaemonPort[] | undefined;
  /** Units of daemons, besides those that are found. */
  readonly units?: readonly DaemonUnit[] | undefined;
  /** Directory whose services are looked at; `/` by default. */
  readonly root?: string | undefined;
}

/** What came of it. */
export interface HostsExport {
  /** Empty if it is `unusable`. */
  readonly files: readonly DropIn[];
  /** What of the rules is lost. */
  readonly untranslated: readonly Untranslated[];
  /** Why nothing is translated. */
  readonly unusable: Unusable | undefined;
}

function checkExportOptions(options: HostsExportOptions): void {
  checkKeys(options, new Set([...FILE_KEYS, 'to', 'ports', 'units', 'root']), "{to: 'nftables'}");
  const { to, ports = [], units = [], root } = options;
  if (to !== 'nftables' && to !== 'systemd') throw new UsageError("to must be 'nftables' or 'systemd'");
  if (!Array.isArray(ports) || !ports.every(isPort))
    throw new UsageError("ports must be a list such as [{daemon: 'sshd', port: 22, protocol: 'tcp'}]");
  if (!Array.isArray(units) || !units.every(isUnit))
    throw new UsageError("units must be a list such as [{daemon: 'sshd', unit: 'ssh.service'}]");
  checkRoot(root);
}

function isPort(value: Partial<DaemonPort> | undefined): boolean {
  const { daemon, port, protocol } = value ?? {};
  return (
    typeof daemon === 'string' &&
    Number.isInteger(port) &&
    Number(port) >= 0 &&
    Number(port) <= 65_535 &&
    (protocol === undefined || protocol === 'tcp' || protocol === 'udp')
  );
}

// It becomes a part of a path.
function isUnit(value: Partial<DaemonUnit> | undefined): boolean {
  const { daemon, unit } = value ?? {};
  return typeof daemon === 'string' && typeof unit === 'string' && /^[\w@.:\\-]+\.service$/.test(unit);
}

/**
 * The rules for a packet filter or for systemd, as `uchroot-tcpd export` writes them; nothing is written.
 * @throws {UsageError} (rejects) for a wrong option.
 */
export async function exportHosts(options: HostsExportOptions): Promise<HostsExport> {
  const own = takeRequest(options, checkExportOptions);
  const [{ exportNftables, exportSystemd }, { joinPorts, onePort }] = await Promise.all([
    import('./export/export.ts'),
    import('./export/ports.ts'),
  ]);
  const { to, units = [], root = '/' } = own;
  const ports = new Map<string, ReturnType<typeof onePort>>();
  for (const { daemon, port, protocol } of own.ports ?? []) {
    const known = ports.get(daemon);
    const one = onePort(port, protocol);
    ports.set(daemon, known === undefined ? one : joinPorts(known, one));
  }
  const { tables } = openHosts(filesOf(own));
  const exported = (to === 'nftables' ? exportNftables : exportSystemd)(tables, { ports, units, root });
  if ('unusable' in exported) {
    const { unusable } = exported;
    return { files: [], untranslated: [], unusable: { ...unusable, ...readable(unusable) } };
  }
  const { files, untranslated } = exported;
  return { files, untranslated: untranslated.map(readable), unusable: undefined };
}

// Rules have one byte a character.
function readable({ file, line, word, message }: Untranslated): Untranslated {
  return { file: toUtf8(file), line, word: toUtf8(word), message };
}

function checkText(value: unknown, what: string): void {
  if (value !== undefined && (typeof value !== 'string' || value === '' || value.includes('\0')))
    throw new UsageError(`${what} must be a path`);
}

function checkRoot(root: string | undefined): void {
  checkText(root, 'root');
  if (statSync(root ?? '/', { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new UsageError(`root ${quote(root ?? '/')} is no directory`);
}

function checkTexts(value: unknown, what: string): void {
  if (value !== undefined && (!Array.isArray(value) || value.some((text) => typeof text !== 'string')))
    throw new UsageError(`${what} must be a list of strings`);
}
