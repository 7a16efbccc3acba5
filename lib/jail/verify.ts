// Checks that the loader finds the same files in a finished jail as on the host. Nothing is executed.

import { openResolver } from '../binary/closure.ts';
import type { Cpu } from '../binary/machine.ts';
import { type BytePath, lastComponent, showPath } from '../tree/path.ts';
import { readElf } from '../binary/elf.ts';
import { type FileRoot, tryFile } from '../tree/root.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../binary/shebang.ts';
import { walk, type Walk } from '../tree/walk.ts';
import { isShell } from './dpkg/script-calls.ts';
import { commandLine, shellWord, stripReturns } from '../words/shell-word.ts';
import { lacks } from './work/missing-file.ts';

/** The path of a program on the host and in the jail. */
export interface Placed {
  readonly source: BytePath;
  readonly path: BytePath;
}

/**
 * The loader may find other files in the jail: because of the jail's cache, of an older library there, or of the missing /proc.
 * Returns warnings.
 * @throws JailError ERR_MISSING if a program would not start
 */
export function verifyPrograms(
  host: FileRoot,
  jail: FileRoot,
  programs: readonly Placed[],
  cpu: Cpu,
): readonly string[] {
  const onHost = openResolver(host, { cpu, hasProc: true });
  const withProc = openResolver(jail, { cpu, hasProc: true });
  const without = openResolver(jail, { cpu, hasProc: false });
  return programs.flatMap(({ source, path }) => {
    const [missing] = withProc.resolve(path).missing;
    if (missing !== undefined) throw lacks(missing, ' in the jail');
    const found = without.resolve(path);
    const [lost] = found.missing;
    if (lost !== undefined) return [lacks(lost, ' in the jail').message];
    const paths = new Set([source, ...found.files.map((file) => file.path)]);
    const other = onHost.resolve(source).files.find((file) => !paths.has(file.path));
    return other === undefined
      ? []
      : [
          `${showPath(path)} finds another ${showPath(lastComponent(other.path))} in the jail than on the host`,
        ];
  });
}

/** A warning about a file that was asked for as a program: nobody may execute it, or its shell refuses the option in its first line. */
export function cannotRun(host: FileRoot, program: BytePath): string | undefined {
  const end = walk(host, program);
  if (end.kind !== 'found') return undefined;
  return (end.status.mode & 0o111) === 0 ? notExecutable(host, program, end) : badOption(host, program);
}

// A shell takes the carriage return of "#!/bin/sh -e" for an option; perl does not mind it.
function badOption(host: FileRoot, program: BytePath): string | undefined {
  const script = tryFile(host, program, ({ read }) => readScript(read(0, SCRIPT_HEAD_BYTES)));
  if (script?.kind !== 'script' || script.argument?.endsWith('\r') !== true || !isShell(script.interpreter))
    return undefined;
  return `${showPath(program)} cannot be started: its first line ends in a carriage return, which ${showPath(script.interpreter)} takes for an option; ${stripReturns(shellWord(program))} and the same build mend that`;
}

/** A library needs no permission to be executed. */
function notExecutable(
  host: FileRoot,
  program: BytePath,
  { status, path }: Extract<Walk, { kind: 'found' }>,
): string | undefined {
  const elf = tryFile(host, path, ({ read }) => readElf(read));
  if (elf?.kind === 'elf' && (elf.linkage === 'library' || elf.linkage === 'none')) return undefined;
  const mode = status.mode.toString(8).padStart(4, '0');
  return `${showPath(program)} cannot be started: nobody may execute it (mode ${mode}); ${commandLine('chmod', 'a+x', path)} and the same build mend that`;
}
