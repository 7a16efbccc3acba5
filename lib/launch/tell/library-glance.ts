// A quick look before a launch in place: at the shared libraries of its program, or at the command that env(1) starts for a script. After
// the launch, only the loader or env could name a file that is missing, damaged or unreadable. The look reads at most a few dozen ELF
// files of the jail. It decides nothing: if a library is in none of the usual places, the full search of lib/binary follows.
import { readElf, type Elf } from '../../binary/elf.ts';
import { bytePath, type BytePath, joinPath, toLatin1 } from '../../tree/path.ts';
import { commandOfEnv, readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { type FileRoot, type FileStatus, readHeads, withFile } from '../../tree/root.ts';
import type { Launch } from '../plan/launch.ts';
import { isClosed, type JailView } from './jail-view.ts';

// Where loaders look without any configuration (ld.so(8); Debian's multiarch directories).
const places = {
  x64: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64'],
  arm64: ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/lib64', '/usr/lib64'],
} as Readonly<Record<string, readonly string[]>> as Readonly<Record<string, readonly BytePath[]>>;
const everywhere = ['/lib', '/usr/lib', '/usr/local/lib'] as string[] as BytePath[];

// A program with more is rare, and a jail may be hostile.
const mostFiles = 48;

interface Looked {
  /** Undefined for a file that the loader could not load. */
  readonly elf: Elf | undefined;
  readonly status: FileStatus;
}

function lookAt(root: FileRoot, path: BytePath): Looked | undefined {
  return withFile(root, path, ({ read, status }) => {
    const elf = readElf(read);
    return { status, elf: elf.kind === 'elf' && elf.loadedBytes <= status.sizeBytes ? elf : undefined };
  });
}

// The library of this name in the first of the usual directories that has it.
function findLibrary(root: FileRoot, name: BytePath, directories: readonly BytePath[]): Looked | undefined {
  if (name.includes('/')) return lookAt(root, name);
  for (const directory of directories) {
    const looked = lookAt(root, joinPath(directory, name));
    if (looked !== undefined) return looked;
  }
  return undefined;
}

// Whether a library that a program needs is in none of the usual directories, or cannot be loaded. False if finding out would take long.
function lacksLibrary({ root, architecture, account }: JailView, program: Elf): boolean {
  const directories = [...(places[architecture] ?? []), ...everywhere];
  const todo = [program];
  const seen = new Set<BytePath>();
  for (let elf = todo.pop(); elf !== undefined; elf = todo.pop()) {
    for (const { name, optional } of elf.needed) {
      if (optional || seen.has(name)) continue;
      if (seen.size === mostFiles) return false;
      seen.add(name);
      const looked = findLibrary(root, name, directories);
      if (looked?.elf === undefined || isClosed(looked.status, account)) return true;
      todo.push(looked.elf);
    }
  }
  return false;
}

/** PATH of an environment, or the C library's default (confstr(3), _CS_PATH). */
export function pathOf(env: readonly Buffer[]): Uint8Array | string {
  const entry = env.find((variable) => variable.subarray(0, 5).equals(Buffer.from('PATH=')));
  return entry?.subarray(5) ?? '/bin:/usr/bin';
}

// Whether no directory of PATH has the command of `#!/usr/bin/env NAME`.
function lacksCommand(root: FileRoot, program: BytePath, env: readonly Buffer[]): boolean {
  const [head] = readHeads(root, [program], SCRIPT_HEAD_BYTES);
  const script = head && readScript(head);
  const command = script?.kind === 'script' ? commandOfEnv(script) : undefined;
  if (command === undefined || command.includes('/')) return false;
  const directories = bytePath(pathOf(env)).split(':') as BytePath[];
  return directories.every((directory) => root.lstat(joinPath(directory, command)) === undefined);
}

const isLoaderPath = (variable: Buffer): boolean => toLatin1(variable.subarray(0, 16)) === 'LD_LIBRARY_PATH=';

/** Whether the program of a launch may lack a library or a command; false if its view of the jail is another one. */
export function mayLackFile({ request, execve }: Launch, view: JailView): boolean {
  if (request.view.length > 0 || execve.env.some(isLoaderPath)) return false;
  try {
    const program = joinPath(bytePath(view.cwd), bytePath(execve.program));
    const elf = lookAt(view.root, program)?.elf;
    return elf === undefined ? lacksCommand(view.root, program, execve.env) : lacksLibrary(view, elf);
  } catch {
    return false; // execve fails, and says more
  }
}
