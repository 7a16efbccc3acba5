// Facts of the host that a hint needs. They are collected before the root directory changes.
import { existsSync, readlinkSync } from 'node:fs';

import { bytePath, type BytePath, joinPath, pathBytes } from '../../tree/path.ts';
import { commandOfEnv, readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { readHeads, type FileRoot } from '../../tree/root.ts';

/** Facts of the host that decide about a hint. */
export interface HostGlance {
  /** The host's program at this path; for a name without slash, in a directory of PATH. Undefined if it has none. */
  readonly program: BytePath | undefined;
  /** The host has the interpreter of the script, or the command that env(1) starts for it. True if the program is no script. */
  readonly hasInterpreter: boolean;
  /** The host's /bin is a link to usr/bin. */
  readonly isMerged: boolean;
}

interface Place {
  readonly root: FileRoot;
  readonly cwd: Uint8Array;
}

const slash = 0x2f;

// A name without a slash is looked up in the same directories as by uchroot-jail.
function findOnHost(program: Buffer): Buffer | undefined {
  if (Uint8Array.prototype.includes.call(program, slash)) return existsSync(program) ? program : undefined;
  const directories = (process.env['PATH'] ?? '/usr/bin:/bin').split(':');
  return directories
    .map((directory) => Buffer.concat([Buffer.from(`${directory === '' ? '.' : directory}/`), program]))
    .find((path) => existsSync(path));
}

/** What starts the script at a path of the jail; undefined if no script is there. */
function interpreterOf({ root, cwd }: Place, program: Buffer): BytePath | undefined {
  const path = joinPath(bytePath(cwd), bytePath(program));
  const [head] = readHeads(root, [path], SCRIPT_HEAD_BYTES);
  const script = head && readScript(head);
  return script?.kind === 'script' ? (commandOfEnv(script) ?? script.interpreter) : undefined;
}

// readlinkSync, because a launch has called it before: the first call of another function takes ten times as long.
function isLink(path: string): boolean {
  try {
    readlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Looks for a program, for the interpreter of a script, and for /bin. Without a jail no script is known. */
export function glance(program: Buffer, jail?: Place): HostGlance {
  const interpreter = jail && interpreterOf(jail, program);
  const found = findOnHost(program);
  const isRelative = found !== undefined && found[0] !== slash;
  return {
    program: found && (isRelative ? joinPath(bytePath(process.cwd()), bytePath(found)) : bytePath(found)),
    hasInterpreter: interpreter === undefined || findOnHost(pathBytes(interpreter)) !== undefined,
    isMerged: isLink('/bin'),
  };
}
