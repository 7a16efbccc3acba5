// hosts.allow and hosts.deny, opened for any number of decisions.

import { resolve as resolvePath } from 'node:path';

import { UsageError } from '../errors.ts';
import { checkKeys, reading, takeRequest } from '../keys.ts';
import { type Bytes, toBuffer } from '../quote.ts';
import type { TimeLimits } from './apply/applied.ts';
import { type Need, resolve, type Work } from './connection/need.ts';
import { makeRequest, type Request, type RequestDescription } from './connection/request-info.ts';
import { decideBy, decideWithout, refuse, type Ruling } from './decide/ruling.ts';
import { Decision } from './decision.ts';
import { openPath } from './file/host-files.ts';
import { openTableFile, type TableFile } from './file/table-file.ts';
import { type Lookup, lookUp, Overload, type Resolver } from './lookup/resolver.ts';
import { hasInterface, hasNetgroups, systemResolver } from './lookup/system-resolver.ts';
import type { Dialect } from './parse/third-field.ts';
import type { Finding } from './rule/finding.ts';
import type { Table, Tables } from './rule/rule-table.ts';

export interface HostsOptions {
  /** The file of those who are let in; /etc/hosts.allow by default. A relative path begins at the working directory. */
  readonly allow?: Bytes | undefined;
  /** The file of those who are not; /etc/hosts.deny by default. */
  readonly deny?: Bytes | undefined;
  /** How the third field of a rule is read; `auto` by default. */
  readonly dialect?: Dialect | undefined;
  /** `libwrap`: a last line without a newline is not read, as there. */
  readonly compat?: 'libwrap' | undefined;
  /** Time limit for the look-up of a name, from 1 ms to an hour; 10 s by default. Rules say it for RFC 1413 (`rfc931`). */
  readonly nameTimeoutMs?: number | undefined;
  /** Time limit for each command of `spawn` and `aclexec`, from 1 ms to a day; 60 s by default. */
  readonly commandTimeoutMs?: number | undefined;
  /** The same for `twist`, which serves a client; an hour by default. */
  readonly twistTimeoutMs?: number | undefined;
  /** Makes look-ups in another way than by the system. */
  readonly resolver?: Partial<Resolver> | undefined;
}

const KEYS: ReadonlySet<string> = new Set([
  'allow',
  'deny',
  'dialect',
  'compat',
  'nameTimeoutMs',
  'commandTimeoutMs',
  'twistTimeoutMs',
  'resolver',
] satisfies readonly (keyof HostsOptions)[]);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DIALECTS: readonly unknown[] = ['auto', 'options', 'command'] satisfies Dialect[];

function toPath(path: Bytes, what: string): Buffer {
  if (typeof path !== 'string' && !(path instanceof Uint8Array))
    throw new UsageError(`${what} must be a string or a Uint8Array`);
  const bytes = toBuffer(path);
  if (bytes.length === 0 || bytes.includes(0)) throw new UsageError(`${what} must be a path`);
  return bytes[0] === 0x2f ? bytes : Buffer.concat([Buffer.from(`${resolvePath()}/`), bytes]);
}

function toMs(value: number, most: number, what: string): number {
  if (typeof value === 'number' && value >= 1 && value <= most) return value;
  throw new UsageError(`${what} must be milliseconds from 1 to ${most}`);
}

function checkOptions(options: HostsOptions): void {
  checkKeys(options, KEYS);
  if (options.dialect !== undefined && !DIALECTS.includes(options.dialect))
    throw new UsageError(`dialect must be one of ${DIALECTS.join(', ')}`);
  if (options.compat !== undefined && options.compat !== 'libwrap')
    throw new UsageError("compat must be 'libwrap' or left out");
}

/** Rules that are opened; see openHosts(). */
export class Hosts {
  readonly #allow: TableFile;
  readonly #deny: TableFile;
  readonly #resolver: Resolver;
  readonly #limits: TimeLimits;

  /** Made by openHosts(). */
  constructor(options: HostsOptions) {
    const { allow = '/etc/hosts.allow', deny = '/etc/hosts.deny', dialect = 'auto', compat } = options;
    const read = { dialect, compat, isInPath: openPath(), hasNetgroups: hasNetgroups() };
    this.#allow = openTableFile(toPath(allow, 'allow'), { ...read, role: 'allow' });
    this.#deny = openTableFile(toPath(deny, 'deny'), { ...read, role: 'deny' });
    const { nameTimeoutMs = 10_000, commandTimeoutMs = 60_000, twistTimeoutMs = HOUR_MS } = options;
    const names = systemResolver(toMs(nameTimeoutMs, HOUR_MS, 'nameTimeoutMs'));
    this.#resolver = { ...names, ...options.resolver };
    this.#limits = {
      commandTimeoutMs: toMs(commandTimeoutMs, DAY_MS, 'commandTimeoutMs'),
      twistTimeoutMs: toMs(twistTimeoutMs, DAY_MS, 'twistTimeoutMs'),
    };
  }

  /** The rules by which is decided, as the files are at this moment. */
  get tables(): Tables {
    return { allow: this.#allow.now(), deny: this.#deny.now() };
  }

  /** What is wrong with the files, as they are at this moment. */
  get findings(): readonly Finding[] {
    const { allow, deny } = this.tables;
    return [...allow.table.findings, ...deny.table.findings];
  }

  /**
   * Decides on a request, by what the files say at this moment. Nothing is run; names and users are looked up where a
   * rule asks for them, none for longer than its time limit.
   * @throws {UsageError} (rejects) for a NUL byte, a port that is none.
   */
  async check(described: RequestDescription): Promise<Decision> {
    const request = reading(() => makeRequest(described, hasInterface));
    const lookups: Lookup[] = [];
    const ruling = await this.#decide(request, lookups);
    return new Decision(ruling, request, lookups, this.#limits);
  }

  // hosts.deny is not looked at where hosts.allow decides
  async #decide(request: Request, lookups: Lookup[]): Promise<Ruling> {
    const searched: Table[] = [];
    for (const file of [this.#allow, this.#deny]) {
      const soon = file.soon();
      const search = soon instanceof Promise ? await soon : soon;
      const work = decideBy(search, searched, request);
      const step = work.next();
      const ruling =
        step.done === true ? step.value : await this.#resolve(work, step.value, request, lookups);
      if (ruling !== undefined) return ruling;
      searched.push(search.table);
    }
    return decideWithout(searched);
  }

  async #resolve(
    work: Work<Ruling | undefined>,
    need: Need,
    request: Request,
    lookups: Lookup[],
  ): Promise<Ruling | undefined> {
    try {
      return await resolve(work, (need) => lookUp(need, request, this.#resolver, lookups), need);
    } catch (error) {
      if (error instanceof Overload) return refuse(error.message);
      throw error;
    }
  }
}

/**
 * Opens hosts.allow and hosts.deny. They are read once, and again when they, or the files of patterns that they name,
 * have changed: a change counts from the next decision on. What is long is then read in slices, and decisions wait for it.
 * @throws {UsageError} for a wrong option. What is wrong with the files is a finding, and lets nobody in by mistake.
 */
export function openHosts(options: HostsOptions = {}): Hosts {
  return new Hosts(takeRequest(options, checkOptions));
}

/** One decision by the two files, as hosts_access(3) makes it; but nothing is run before Decision.apply(). */
export async function hostsAccess(
  request: RequestDescription,
  options: HostsOptions = {},
): Promise<Decision> {
  return openHosts(options).check(request);
}
