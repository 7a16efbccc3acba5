// Programs that cannot start.

import { openResolver } from '../../../binary/closure.ts';
import { type BytePath, showPath } from '../../../binary/path.ts';
import { BASELINE } from '../../../binary/machine.ts';
import { commandLine, decision } from '../command.ts';
import { lacks } from '../../verify.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';

export const unresolved: Rule = {
  id: 'unresolved',
  group: 'fitness',
  severity: 'error',
  summary:
    'A program that was asked for, or that was added by hand, lacks its interpreter, its loader or a library.',
  attack:
    'It does not start. Where the loader looks further for what is missing, the next directory that somebody can write ' +
    'decides (execve(2), ENOENT; ld.so(8)).',
  remedy: 'uchroot-jail build DIRECTORY PROGRAM',
  look: function* look(jail): Generator<Found> {
    const resolver = openResolver(jail.root, { cpu: jail.host?.cpu ?? BASELINE, hasProc: true });
    for (const path of programsOf(jail)) {
      const lost = resolver.resolve(path).missing.find(({ reason }) => !UNSURE.has(reason));
      // of a program that is itself another than the one that was built `changed` tells
      if (lost === undefined || (lost.path === path && isBuilt(jail, path))) continue;
      yield {
        path,
        message: lacks(lost).message,
        remedy: remedyOf(jail, path, lost.path),
      };
    }
  },
};

// Only what the host has can be built in.
function remedyOf({ directory, host, manifest }: CheckedJail, program: BytePath, lost: BytePath): string {
  const isThere = (path: BytePath) => path.startsWith('/') && host?.root.lstat(path) !== undefined;
  // what was added by hand is not what the host has there
  const asked = [...(isAsked(manifest, program) ? [program] : []), lost].find(isThere);
  return asked === undefined
    ? decision(`put ${showPath(lost)} into the jail, or take ${showPath(program)} away`)
    : commandLine('uchroot-jail', 'build', directory, asked);
}

function isAsked(manifest: CheckedJail['manifest'], program: BytePath): boolean {
  return manifest?.recipe.programs.includes(program) === true;
}

// It may well start: what env(1) does depends on a variable, and a shell takes what the kernel does not.
const UNSURE: ReadonlySet<string> = new Set(['unknown-command', 'no-interpreter']);

// What came along with a package need not be whole on the host either: it is the builder's to warn of that.
function programsOf({ manifest, seen }: CheckedJail): ReadonlySet<BytePath> {
  const added = seen.programs.filter(({ recorded }) => recorded === undefined).map(({ path }) => path);
  // of one that is missing itself that is told
  const asked = manifest?.recipe.programs.filter((path) => seen.has(path)) ?? [];
  return new Set([...asked, ...added]);
}

function isBuilt({ manifest }: CheckedJail, path: BytePath): boolean {
  return manifest?.entries.some((entry) => entry.path === path) === true;
}
