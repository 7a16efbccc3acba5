// The argument of the option `severity`: a level of syslog(3), with or without a facility.

import { fold } from '../text/fold.ts';
import type { Facility, Level } from './option.ts';

/** The facilities that libwrap knows, with their numbers in syslog(3). */
export const FACILITIES: Readonly<Record<Facility, number>> = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

/** The levels that libwrap knows, with their numbers in syslog(3). */
export const LEVELS: Readonly<Record<Level, number>> = {
  emerg: 0,
  alert: 1,
  crit: 2,
  err: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

export interface Severity {
  readonly facility?: Facility;
  readonly level: Level;
}

/** Reads `level` or `facility.level`; the word that is wrong, as `bad`, if one is. */
export function parseSeverity(text: string): Severity | { readonly bad: string } {
  const dot = text.indexOf('.');
  const level = fold(text.slice(dot + 1));
  const facility = dot < 0 ? undefined : fold(text.slice(0, dot));
  if (facility !== undefined && !Object.hasOwn(FACILITIES, facility)) return { bad: text.slice(0, dot) };
  if (!Object.hasOwn(LEVELS, level)) return { bad: text.slice(dot + 1) };
  return facility === undefined
    ? { level: level as Level }
    : { facility: facility as Facility, level: level as Level };
}
