// hosts.allow and hosts.deny, opened for any number of decisions.

import { resolve as resolvePath } from 'node:path';

import { checkKeys, reading, takeRequest } from '../values/keys.ts';
import { number, oneOf, optional, path } from '../values/validators.ts';
import { type Bytes } from '../words/quote.ts';
import type { TimeLimits } from './apply/applied.ts';
import { type Need, resolve } from './connection/need.ts';
import {
  checkDescription,
  makeRequest,
  type Request,
  type RequestDescription,
} from './connection/request-info.ts';
import { decideBy, decideWithout, refuse, type Ruling } from './decide/ruling.ts';
import { Decision } from './decision.ts';
import { openPath } from './file/host-files.ts';
import { TableFile } from './file/table-file.ts';
import { type Lookup, lookUp, Overload, type Resolver } from './lookup/resolver.ts';
import { hasInterface, hasNetgroups, systemResolver } from './lookup/system-resolver.ts';
import type { Dialect } from './parse/third-field.ts';
import type { Finding } from './rule/finding.ts';
import type { Table, Tables } from './rule/rule-table.ts';

export interface HostsOptions {
  /**
   * The file of clients that are let in; /etc/hosts.allow by default. A relative path begins at the working directory.
   */
  readonly allow?: Bytes | undefined;
  /** The file of clients that are refused; /etc/hosts.deny by default. */
  readonly deny?: Bytes | undefined;
  /** How the third field of a rule is read; `auto` by default. */
  readonly dialect?: Dialect | undefined;
  /** `libwrap`: a last line without a newline is not read, as in libwrap. */
  readonly compat?: 'libwrap' | undefined;
  /**
   * Time limit for the look-up of a name, 1 ms to an hour; 10 s by default. Rules set the limit for RFC 1413
   * (`rfc931`).
   */
  readonly nameTimeoutMs?: number | undefined;
  /** Time limit for each command of `spawn` and `aclexec`, 1 ms to a day; 60 s by default. */
  readonly commandTimeoutMs?: number | undefined;
  /** Time limit for each `twist`, 1 ms to a day; an hour by default. */
  readonly twistTimeoutMs?: number | undefined;
  /** Replaces look-ups of the system. */
  readonly resolver?: Partial<Resolver> | undefined;
}

/** The files, and the dialect in which they are read. */
export type FileOptions = Pick<HostsOptions, 'allow' | 'deny' | 'dialect' | 'compat'>;

export const FILE_KEYS: readonly (keyof FileOptions)[] = ['allow', 'deny', 'dialect', 'compat'];
const TIMES: readonly (keyof HostsOptions)[] = ['nameTimeoutMs', 'commandTimeoutMs', 'twistTimeoutMs'];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const dialects = optional(oneOf<Dialect>(['auto', 'options', 'command']));
const compats = optional(oneOf(['libwrap']));

function toPath(given: Bytes, key: string): Buffer {
  const bytes = path(`/etc/hosts.${key}`)(given, key);
  return bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${resolvePath()}/`), bytes]);
}

const toMs = (value: number, most: number, key: string): number =>
  number(1, most, 'milliseconds', 5000)(value, key);

function checkOptions(options: HostsOptions): void {
  checkKeys(options, new Set([...FILE_KEYS, ...TIMES, 'resolver']));
  dialects(options.dialect, 'dialect');
  compats(options.compat, 'compat');
}

/** Open files of rules; see openHosts(). */
export class Hosts {
  readonly #allow: TableFile;
  readonly #deny: TableFile;
  readonly #resolver: Resolver;
  readonly #limits: TimeLimits;

  /**
   * Made by openHosts().
   *
   * @param mustExist files that must exist: while one is missing, a client that no rule matches is refused
   */
  constructor(options: HostsOptions, mustExist: readonly Table['role'][] = []) {
    const { allow = '/etc/hosts.allow', deny = '/etc/hosts.deny', dialect = 'auto', compat } = options;
    const read = { dialect, compat, isInPath: openPath(), hasNetgroups: hasNetgroups() };
    const open = (path: Bytes, role: Table['role']): TableFile =>
      new TableFile(toPath(path, role), { ...read, role, mustExist: mustExist.includes(role) });
    this.#allow = open(allow, 'allow');
    this.#deny = open(deny, 'deny');
    const { nameTimeoutMs = 10_000, commandTimeoutMs = 60_000, twistTimeoutMs = HOUR_MS } = options;
    const names = systemResolver(toMs(nameTimeoutMs, HOUR_MS, 'nameTimeoutMs'));
    this.#resolver = { ...names, ...options.resolver };
    this.#limits = {
      commandTimeoutMs: toMs(commandTimeoutMs, DAY_MS, 'commandTimeoutMs'),
      twistTimeoutMs: toMs(twistTimeoutMs, DAY_MS, 'twistTimeoutMs'),
    };
  }

  get tables(): Tables {
    return { allow: this.#allow.table, deny: this.#deny.table };
  }

  /** Problems in the files as they are now. */
  get findings(): readonly Finding[] {
    const { allow, deny } = this.tables;
    return [...allow.findings, ...deny.findings];
  }

  /**
   * Decides on a request by the files as they are now. Nothing is run. Names and users are looked up where a rule needs
   * them, with time limits. `onLookUp` is called before that, once for each file.
   * @throws {UsageError} (rejects) for a NUL byte or an invalid port.
   */
  async check(described: RequestDescription, onLookUp?: () => void): Promise<Decision> {
    return this.#decide(
      reading(() => makeRequest(described, hasInterface)),
      [],
      onLookUp,
    );
  }

  // hosts.deny is not read if hosts.allow decides
  async #decide(request: Request, lookups: Lookup[], onLookUp?: () => void): Promise<Decision> {
    const searched: Table[] = [];
    const look = (need: Need) => lookUp(need, request, this.#resolver, lookups);
    const decided = (ruling: Ruling) =>
      new Decision(ruling, request, lookups, this.#limits, async (tables) =>
        this.#haveTables(tables) ? undefined : this.#decide(request, [...lookups]),
      );
    for (const file of [this.#allow, this.#deny]) {
      const { table } = file;
      const work = decideBy(table, searched, request);
      const step = work.next();
      if (step.done !== true) onLookUp?.();
      const ruling =
        step.done === true ? step.value : await resolve(work, look, step.value).catch(refuseOverload);
      if (ruling !== undefined) return decided(ruling);
      searched.push(table);
    }
    return decided(decideWithout(searched));
  }

  // Whether the files that a decision has searched have the same rules still.
  #haveTables(tables: readonly Table[]): boolean {
    return tables.every((table, i) => [this.#allow, this.#deny][i]?.table === table);
  }
}

function refuseOverload(error: unknown): Ruling {
  if (error instanceof Overload) return refuse(error.message);
  throw error;
}

/**
 * Opens hosts.allow and hosts.deny. They are read again when they, or the files of patterns that they name, have
 * changed: a change counts from the next decision on.
 * @throws {UsageError} for a wrong option. Problems in the files are findings, and let nobody in.
 */
export function openHosts(options: HostsOptions = {}): Hosts {
  return new Hosts(takeRequest(options, checkOptions));
}

/** One decision, as hosts_access(3); nothing is run before Decision.apply(). */
export async function hostsAccess(request: RequestDescription, options?: HostsOptions): Promise<Decision> {
  checkDescription(request);
  return openHosts(options).check(request);
}
