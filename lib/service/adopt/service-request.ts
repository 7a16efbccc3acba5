// The requests about a service, checked, and the options that an update uses again.
import { existsSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { foreignServiceKeys } from '../../mistakes/foreign-work-keys.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { capabilityNames, capabilityNumber } from '../../launch/request/capabilities.ts';
import { native } from '../../native.ts';
import { toEntries } from '../../outbound/entry.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { checkKeys, checkSignal, takeRequest } from '../../values/keys.ts';
import { flag, list, optional, text, whole } from '../../values/validators.ts';
import type { AdoptionOptions } from './adoption.ts';
import type { ServicePath } from './installed/service-paths.ts';
import { toUnitName } from './service-name.ts';

export interface ServiceWork extends Pick<JailWork, 'signal' | 'onProgress'> {
  /** The service, such as `nginx` or `postgresql@17-main.service`. */
  readonly unit: string;
}

export interface AdoptRequest extends ServiceWork {
  /** Start a service of root's as this account, or as `root` of its jail. */
  readonly user?: string | undefined;
  /** Further paths of the host that the service sees in its jail, at the same place. */
  readonly binds?: readonly string[] | undefined;
  /** The same, and the service cannot write there. */
  readonly readOnlyBinds?: readonly string[] | undefined;
  /** Accepts binds, and mounts of the unit, that give the host away: `givesAway` of the report says what. */
  readonly insecurePath?: boolean | undefined;
  /** Further programs of the host that the service starts, such as scripts that its configuration names. */
  readonly programs?: readonly string[] | undefined;
  /** Further accounts of the host that the jail knows. */
  readonly accounts?: readonly string[] | undefined;
  /** Further capabilities that the service keeps, such as `ipc_lock`. */
  readonly caps?: readonly string[] | undefined;
  /**
   * How long the service must run after a start to have come up, from 100 to 600000. By default 1000 if it tells systemd when it is
   * ready, else 5000. Updates and reloads use it too.
   */
  readonly watchMs?: number | undefined;
  /** Restart it in its jail without a start beside it before. */
  readonly noTrial?: boolean | undefined;
  /** Whom it may call, such as `db.internal=10.0.0.0/8:5432`; by default everybody. */
  readonly connectTo?: readonly string[] | undefined;
  /** Changes nothing: the report says what would be done. */
  readonly plan?: boolean | undefined;
}

/** @throws UsageError if the caller is not root */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0)
    throw new UsageError('only root adopts services, and sees those that are adopted', {
      hint: 'start it with sudo',
    });
}

/** A checked copy of a request about a service. @throws UsageError, and if the caller is not root */
export function takeServiceRequest<T extends ServiceWork>(request: T, more: readonly string[] = []): T {
  const own = takeRequest(request, (given) => {
    checkKeys(given, new Set(['unit', 'signal', 'onProgress', ...more]), undefined, () => foreignServiceKeys);
    unit(given.unit, 'unit');
    checkSignal(given.signal);
  });
  requireRoot();
  return { ...own, unit: toUnitName(own.unit) };
}

const unit = text('the name of a service', 'nginx');
const account = optional(text('the name of an account', 'postgres', /^[A-Za-z_][A-Za-z0-9_.-]*$/));
const watch = optional(whole(100, 600_000, 5000));
// a setting of systemd takes it as it is, and it appears at the same place of the jail
const paths = (example: string) =>
  list(
    text(
      'an absolute path without blanks, colons, quotes, percent signs and ..',
      example,
      /^(?!.*\/\.\.(?:\/|$))\/[^\s:"'\\%]+$/,
    ),
    [example],
  );

// A path of the host that a request names.
function toNamedPath(path: string, isReadOnly: boolean): ServicePath {
  if (!existsSync(path))
    throw new UsageError(`${path} does not exist`, { hint: 'name a file or directory that exists' });
  return { path: path.replace(/\/+$/, ''), isReadOnly, isOptional: false };
}

function toList(given: readonly string[] = []): readonly string[] {
  const list = toEntries(given, 'connectTo');
  for (const { kind, text: entry } of list) {
    if (kind === 'unix')
      throw new UsageError(`${quote(entry)}: a service gets a socket of the host as it gets a file`, {
        hint: commandLine('--bind', entry.replace('unix:', '')),
      });
    if (kind === 'file')
      throw new UsageError(`${quote(entry)}: the list of a service stands in its record, and in no file`, {
        hint: 'give the entries themselves: --connect-to api.example.org:443',
      });
  }
  return list.map(({ text }) => text);
}

const valueIn = (value: unknown): string =>
  JSON.stringify(Array.isArray(value) && value.length === 0 ? undefined : value || undefined) ?? '';

const keysOf = ({ paths, ...rest }: AdoptionOptions): Readonly<Record<string, unknown>> => ({
  ...rest,
  noTrial: undefined, // it says how it is adopted, and not what it is then
  binds: paths.filter(({ isReadOnly }) => !isReadOnly),
  readOnlyBinds: paths.filter(({ isReadOnly }) => isReadOnly),
});

/** The keys of an AdoptRequest in which options differ. A record may be older than a key, which then has its default. */
export function changedKeys(one: AdoptionOptions, other: AdoptionOptions): readonly string[] {
  const [a, b] = [keysOf(one), keysOf(other)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => valueIn(a[key]) !== valueIn(b[key]),
  );
}

const accounts = optional(list(text('the name of an account', 'www-data'), ['www-data']), []);

function toAccounts(given: readonly string[] | undefined): readonly string[] {
  const names = accounts(given, 'accounts');
  const unknown = names.find((name) => native.getpwnam(name) === null);
  if (unknown === undefined) return names;
  throw new UsageError(`there is no account ${quote(unknown)}`, {
    hint: 'getent passwd lists those that are there',
  });
}

const caps = optional(list(text('the name of a capability', 'ipc_lock'), ['ipc_lock']), []);

function toCapabilities(given: readonly string[] | undefined): readonly string[] {
  return caps(given, 'caps').map((name) => {
    const number = capabilityNumber(name);
    if (number !== undefined) return capabilityNames[number] ?? name;
    throw new UsageError(`${quote(name)} is not the name of a capability`, {
      hint: 'capabilities(7) lists them: net_raw, ipc_lock and others',
    });
  });
}

/** The options of an adoption. @throws UsageError */
export function optionsOf(request: AdoptRequest): AdoptionOptions {
  const { user, binds = [], readOnlyBinds = [], programs = [] } = request;
  for (const [key, given] of Object.entries({ binds, readOnlyBinds, programs }))
    paths(key === 'programs' ? '/usr/bin/env' : '/srv')(given, key);
  return {
    user: account(user, 'user'),
    paths: [
      ...binds.map((path) => toNamedPath(path, false)),
      ...readOnlyBinds.map((path) => toNamedPath(path, true)),
    ],
    programs: programs.map((path) => toNamedPath(path, true).path),
    watchMs: watch(request.watchMs, 'watchMs'),
    insecurePath: flag(request.insecurePath, 'insecurePath'),
    noTrial: flag(request.noTrial, 'noTrial'),
    connectTo: toList(request.connectTo),
    accounts: toAccounts(request.accounts),
    caps: toCapabilities(request.caps),
  };
}
