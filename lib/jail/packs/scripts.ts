// Scripts that are in a jail, by the interpreter that runs them.

import { type BytePath, lastComponent, toLatin1 } from '../../binary/path.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../../binary/script.ts';
import type { PackHost } from './pack.ts';

export interface ScriptText {
  readonly path: BytePath;
  /** As `#!` names it, or the name that env(1) looks up. */
  readonly interpreter: BytePath;
  readonly text: string;
}

const MAX_BYTES = 1 << 20;

/** Scripts whose interpreter has such a last component. */
export function scriptsOf(host: PackHost, name: RegExp): readonly ScriptText[] {
  return host.executables(/./).flatMap((path) => {
    const script = readScriptText(host, path);
    return script !== undefined && name.test(lastComponent(script.interpreter)) ? [script] : [];
  });
}

function readScriptText({ root }: PackHost, path: BytePath): ScriptText | undefined {
  try {
    const file = root.open(path);
    if (file === undefined) return undefined;
    try {
      const script = readScript(file.read(0, SCRIPT_HEAD_BYTES));
      if (script.kind !== 'script') return undefined;
      const interpreter = interpreterOf(script.interpreter, script.argument);
      return { path, interpreter, text: toLatin1(file.read(0, MAX_BYTES)) };
    } finally {
      file.close();
    }
  } catch {
    return undefined; // it will be told when it is copied
  }
}

// env -S splits what follows; options and settings come before the program (env(1))
function interpreterOf(interpreter: BytePath, argument = '' as BytePath): BytePath {
  if (lastComponent(interpreter) !== 'env') return interpreter;
  const words = argument.split(/[ \t]+/) as BytePath[];
  return words.find((word) => /^[^-=][^=]*$/.test(word)) ?? interpreter;
}
