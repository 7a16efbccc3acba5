// Tries programs of packs in a finished jail.

import { type BytePath, showPath } from '../../tree/path.ts';
import { tryFile } from '../../tree/root.ts';
import { quote } from '../../words/quote.ts';
import type { Pack, Probe } from './pack.ts';

/** Runs each of the ELF programs of a name. */
export function runs(program: RegExp, ...args: readonly string[]): NonNullable<Pack['check']> {
  return async (jail) => {
    for (const path of jail.executables(program)) {
      const magic = tryFile(jail.root, path, ({ read }) => Buffer.from(read(0, 4)).toString('latin1'));
      const failure = magic === '\x7fELF' ? await failureOf(jail, path, ...args) : undefined;
      if (failure !== undefined) return failure;
    }
    return undefined;
  };
}

/** The failure of a program as a sentence; undefined if its exit status is 0. */
export async function failureOf(
  jail: Probe,
  program: BytePath,
  ...args: readonly string[]
): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await jail.run(program, ...args);
  if (exitCode === 0) return undefined;
  const lines = `${stderr}\n${stdout}`.split('\n').filter((line) => line.trim() !== '');
  // the last line of an exception names it, the first is "Traceback"
  const line = lines[0]?.startsWith('Traceback') === true ? lines.at(-1) : lines[0];
  return `${showPath(program)} fails: ${line === undefined ? `exit status ${exitCode}` : quote(line)}`;
}
