// Where a script is run, or looks for code, because its `#!` line says so. Pure.

import type { BytePath } from '../../binary/path.ts';
import type { Script } from '../../binary/script.ts';
import type { Searched } from './searched.ts';

// An absolute path by itself, behind an option, in the value of a variable, or behind another one: `-I/a`, `PYTHONPATH=/a:/b`.
const PATHS = /(?:^|[\s=:,"']|(?<=(?:^|\s)-[A-Za-z]+))(\/[^\s:,="']*)/g;

/** The interpreter, and what its argument names: modules, another script, what env(1) is to start. */
export function* searchedByScript({
  interpreter,
  argument = '' as BytePath,
}: Extract<Script, { readonly kind: 'script' }>): Generator<Searched> {
  yield { path: interpreter, by: 'its #! line' };
  for (const [, path] of argument.matchAll(PATHS))
    if (path !== undefined) yield { path: path as BytePath, by: 'the argument of its #! line' };
}
