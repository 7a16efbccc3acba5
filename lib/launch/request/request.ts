// A launch request, as callers write it and in its normal form. Both follow from the option table.
import { checkKeys, reading } from '../../keys.ts';
import { optionTable, type Row } from './option-table.ts';

type Table = typeof optionTable;
type Given = { readonly [Key in keyof Table]: Parameters<Table[Key]['normal']>[0] };

/** What to start, in which jail, as whom. Everything but `user` and `jail` has a default. */
export interface LaunchRequest extends Pick<Given, 'user' | 'jail'>, Partial<Omit<Given, 'user' | 'jail'>> {}

/** The normal form of a LaunchRequest. */
export type NormalRequest = { readonly [Key in keyof Table]: ReturnType<Table[Key]['normal']> };

/** The keys on which the steps before execve depend. */
export type SetUpKey = {
  [Key in keyof Table]: Table[Key] extends { readonly setUp: true } ? Key : never;
}[keyof Table];

/** The rows of the table, by key. */
export const launchRows: ReadonlyMap<string, Row> = new Map(Object.entries(optionTable));

/** Every key of a LaunchRequest. */
export const launchKeys: ReadonlySet<string> = new Set(launchRows.keys());

/** The keys on which the steps before execve depend. */
export const setUpKeys = [...launchKeys].filter((key) => launchRows.get(key)?.setUp) as readonly SetUpKey[];

/**
 * The normal form of a request.
 *
 * @param keys what the request may have; the caller looks at those that are not a launch's own
 * @throws UsageError for unknown keys, wrong types, NUL bytes, ids outside 0…2^32-2, relative jail paths
 */
export function normalize(request: LaunchRequest, keys: ReadonlySet<string> = launchKeys): NormalRequest {
  return reading(() => {
    checkKeys(request, keys, "{user: 'sam', jail: '/srv/jail', program: '/bin/ls'}");
    // Each key is read once: a getter could answer with something else the second time.
    const given: Record<string, unknown> = {};
    for (const key of launchKeys) given[key] = request[key as keyof LaunchRequest];
    const normal: Record<string, unknown> = {};
    for (const [key, row] of launchRows) normal[key] = row.normal(given[key] as never, key, given);
    return normal as NormalRequest;
  });
}
