// System calls by name and number, in each call table. Pure.
import { callTables } from './call-numbers.ts';
import type { compatOf } from './seccomp-data.ts';

export type FilteredArchitecture = keyof typeof compatOf;
export type CallTable = keyof typeof callTables;

const numbersByTable = new Map<CallTable, ReadonlyMap<string, number>>();

/** The numbers of a table's calls, by name. */
export function callNumbers(table: CallTable): ReadonlyMap<string, number> {
  const known = numbersByTable.get(table);
  if (known !== undefined) return known;
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of callTables[table].trim().split(/\s+/)) {
    if (/^[0-9]/.test(word)) next = Number(word);
    else numbers.set(word, next++);
  }
  numbersByTable.set(table, numbers);
  return numbers;
}

let allNames: ReadonlySet<string> | undefined;

/** The names of the calls of all tables. */
export function knownCalls(): ReadonlySet<string> {
  if (allNames !== undefined) return allNames;
  const names = new Set<string>();
  for (const table of Object.keys(callTables) as CallTable[])
    for (const name of callNumbers(table).keys()) names.add(name);
  allNames = names;
  return names;
}
