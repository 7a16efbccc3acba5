// The options of a rule, after parsing (hosts_options(5)), and the levels of syslog(3).

import { fold } from '../text/latin1.ts';

/** Names in the order of their numbers, from `first` on. */
function numbered<Name extends string>(names: readonly Name[], first = 0): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, i) => [name, first + i])) as Record<Name, number>;
}

/** syslog(3) facilities that libwrap knows; authpriv, ftp and syslog are not among them. */
export const FACILITIES = {
  ...numbered(['kern', 'user', 'mail', 'daemon', 'auth']),
  ...numbered(['lpr', 'news', 'uucp', 'cron'], 6),
  ...numbered(['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'], 16),
};

/** syslog(3) levels that libwrap knows. */
export const LEVELS = numbered(['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug']);

export type Facility = keyof typeof FACILITIES;
export type Level = keyof typeof LEVELS;

/** Texts may hold %-expansions; `command` is for /bin/sh. */
export type Option =
  | { readonly kind: 'allow' }
  | { readonly kind: 'deny' }
  /** Runs beside the service; the plain dialect has only this one. */
  | { readonly kind: 'spawn'; readonly command: string }
  /** Replaces the service. */
  | { readonly kind: 'twist'; readonly command: string }
  /** Decides by its exit status. */
  | { readonly kind: 'aclexec'; readonly command: string }
  | ({ readonly kind: 'severity' } & Severity)
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'linger'; readonly seconds: number }
  /** `timeoutSeconds` is undefined for the default. */
  | { readonly kind: 'rfc931'; readonly timeoutSeconds?: number }
  | { readonly kind: 'banners'; readonly directory: string }
  | { readonly kind: 'nice'; readonly increment: number }
  /** Name, white space and value in one text, because both may hold expansions. */
  | { readonly kind: 'setenv'; readonly assignment: string }
  | { readonly kind: 'umask'; readonly mask: number }
  | { readonly kind: 'user'; readonly user: string; readonly group?: string }
  | { readonly kind: 'group'; readonly group: string }
  /** An invalid option: a client that gets here is refused (hosts_options(5), DIAGNOSTICS). */
  | { readonly kind: 'error'; readonly code: OptionErrorCode; readonly message: string };

export type OptionErrorCode =
  | `${'missing' | 'bad'}-option-name`
  | `value-${'required' | 'not-allowed'}`
  | 'not-at-end'
  | 'bad-value'
  | 'no-command';

/** An option and its index in the line of the rule. */
export interface PlacedOption {
  readonly at: number;
  readonly option: Option;
}

export interface Severity {
  readonly facility?: Facility;
  readonly level: Level;
}

/** Reads `level` or `facility.level`; returns an invalid word as `bad`. */
export function parseSeverity(text: string): Severity | { readonly bad: string } {
  const dot = text.indexOf('.');
  const level = fold(text.slice(dot + 1));
  const facility = dot < 0 ? undefined : fold(text.slice(0, dot));
  if (facility !== undefined && !Object.hasOwn(FACILITIES, facility)) return { bad: text.slice(0, dot) };
  if (!Object.hasOwn(LEVELS, level)) return { bad: text.slice(dot + 1) };
  const known = { level: level as Level };
  return facility === undefined ? known : { facility: facility as Facility, ...known };
}
