// Finds the basic tools that the modules of a script start: ansible runs mkdir and chmod, and no package says so.

import { type BytePath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { Steps } from '../work/steps.ts';
import { readIfThere } from './read.ts';

const MODULE = /\.(?:py|p[lm]|rb)$/;
const MOST_MODULES = 2000;
const MAX_BYTES = 1 << 17;

// A quoted command line with an option or the next piece behind it, 'mkdir -p %s', and the first of a list, ['chmod', mode].
// or the end of a pipe: "$m4 --help | grep reload-state".
const CALLS: readonly RegExp[] = [
  /["'`]([a-z][a-z0-9]{1,11}) +(?:-[A-Za-z]|[%$#{]|["'])/g,
  /[^|]\|[ \t]*([a-z][a-z0-9]{1,11}) +[-a-z]/g,
  /[[(][ \n]*["']([a-z][a-z0-9]{1,11})["'][ \n]*,/g,
];

/** Names that stand in a text of Python, Perl or Ruby where a command to be run would stand. */
function callsIn(text: string): ReadonlySet<string> {
  return new Set(CALLS.flatMap((pattern) => Array.from(text.matchAll(pattern), ([, name = '']) => name)));
}

/** The same, of a script and of all modules among some files. */
export function* callsOf(
  root: FileRoot,
  script: string,
  files: readonly BytePath[],
): Steps<ReadonlySet<string>> {
  const names = new Set(callsIn(script));
  for (const path of files.filter((file) => MODULE.test(file)).slice(0, MOST_MODULES)) {
    for (const name of callsIn(toLatin1(readIfThere(root, path, MAX_BYTES)))) names.add(name);
    yield;
  }
  return names;
}
