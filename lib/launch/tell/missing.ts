// What a program needs to start and the jail does not have, though the kernel would execute it: the loader and env(1) say
// this only when the program has been executed already, and on its stderr.
import { type MissingFile, resolveProgram, type ResolverOptions } from '../../binary/closure.ts';
import { bytePath, joinPath, showPath } from '../../binary/path.ts';
import type { Diagnosis, JailView } from './diagnose.ts';

const WORDS: Readonly<Record<MissingFile['role'], string>> = {
  program: 'it',
  'script-interpreter': 'its interpreter',
  command: 'its command',
  'elf-interpreter': 'its ELF interpreter',
  library: 'its shared library',
  dlopen: 'its shared library',
};

/** The first thing that is missing; undefined if nothing is. */
export function findMissing(
  view: Pick<JailView, 'root' | 'cwd' | 'jail'>,
  program: Uint8Array,
  options: ResolverOptions,
): Diagnosis | undefined {
  const path = joinPath(bytePath(view.cwd), bytePath(program));
  const { missing } = resolveProgram(view.root, path, options);
  // what the kernel does not find is diagnosed elsewhere
  const first = missing.find(({ role, reason }) => role !== 'program' && reason !== 'unknown-command');
  if (first === undefined) return undefined;
  const needed = first.neededBy === undefined ? '' : `, needed by ${showPath(first.neededBy)}`;
  return {
    message: `${WORDS[first.role]} ${showPath(first.path)}${needed}: ${first.message}`,
    path: showPath(first.path),
    hint: `uchroot-jail build ${view.jail} ${showPath(path)}`,
    missing: true,
  };
}
