// Finds out why execve or chdir failed: looks into the jail, always beneath its root, and names the file that causes the failure.
import { type Elf, readElf } from '../../binary/elf.ts';
import { machineName } from '../../binary/machine.ts';
import { bytePath, type BytePath, joinPath, parentPath, showPath, trimSlashes } from '../../binary/path.ts';
import { openFileRoot, type FileRoot, type FileStatus } from '../../binary/root.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { walk } from '../../binary/walk.ts';
import { quote } from '../../quote.ts';
import type { Account } from '../host/account.ts';
import type { NormalRequest } from '../request/request.ts';

/** The cause: the rest of a message after `execve: PROGRAM: `, and a hint. */
export interface Diagnosis {
  readonly message: string;
  /** The file or directory in the jail that causes the failure. */
  readonly path: string;
  readonly hint?: string;
  /** The program or a file that it needs was not found: status 127. Otherwise it cannot be executed: 126. */
  readonly missing: boolean;
}

/** The jail as the program's account sees it. */
export interface JailView {
  readonly root: FileRoot;
  readonly account: Account;
  /** Path of the jail on the host, quoted, for hints. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  /** Where the launch mounts directories of the host. What is there later cannot be seen in the jail before. */
  readonly binds: readonly BytePath[];
  /** A value of process.arch. */
  readonly architecture: string;
}

/** The part of a view that does not depend on the account. */
export function viewOfJail(
  { jail, cwd, view }: Pick<NormalRequest, 'jail' | 'cwd' | 'view'>,
  jailFd: number,
): Pick<JailView, 'root' | 'jail' | 'cwd' | 'binds'> {
  const binds = view.flatMap((entry) => (entry.kind === 'bind' ? [trimSlashes(bytePath(entry.target))] : []));
  return { root: openFileRoot(jailFd), jail: quote(jail), cwd, binds };
}

const machines: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86-64', 'i386'],
  arm64: ['aarch64', 'arm'],
};
// The kernel's limit: an interpreter can be a script again, up to five times (execve(2), ELOOP).
const deepest = 5;

// The program has no capability that overrides a mode (capabilities(7), CAP_DAC_OVERRIDE), not even as uid 0.
function mayExecute(status: FileStatus, { uid, gid, groups }: JailView['account']): boolean {
  if (status.uid === uid) return (status.mode & 0o100) !== 0;
  if (status.gid === gid || groups.includes(status.gid)) return (status.mode & 0o010) !== 0;
  return (status.mode & 0o001) !== 0;
}

function describeMode(status: FileStatus): string {
  return `mode ${status.mode.toString(8).padStart(4, '0')}, owner ${status.uid}:${status.gid}`;
}

// The first directory above one of these paths that the account cannot search.
function closedDirectory(view: JailView, paths: readonly BytePath[]): BytePath | undefined {
  for (const path of paths) {
    const above: BytePath[] = [];
    for (let directory = path; directory !== '/';) {
      directory = parentPath(directory);
      above.unshift(directory);
    }
    for (const directory of above) {
      const status = view.root.lstat(directory);
      if (status !== undefined && status.kind === 'directory' && !mayExecute(status, view.account))
        return directory;
    }
  }
  return undefined;
}

function closed(view: JailView, directory: BytePath, what: string): Diagnosis {
  const path = showPath(directory);
  return {
    message: `${what}the directory ${path} may not be entered by uid ${view.account.uid}`,
    path,
    hint: `chmod o+x ${view.jail}${path}`,
    missing: false,
  };
}

interface Found {
  readonly path: BytePath;
  readonly status: FileStatus;
}

// The object at a path, or the reason why there is none; undefined if the path leads to a bind.
function find(view: JailView, path: BytePath, what: string): Found | Diagnosis | undefined {
  const from = joinPath(bytePath(view.cwd), path);
  const walked = walk(view.root, from);
  const way = [...walked.links.map((step) => step.path), walked.path];
  const isBound = (bind: BytePath): boolean => way.some((at) => `${at}/`.startsWith(`${bind}/`));
  if (view.binds.some(isBound)) return undefined;
  const shown = showPath(walked.path);
  const link = walked.links.at(-1);
  const directory = closedDirectory(view, way);
  if (directory !== undefined) return closed(view, directory, what);
  switch (walked.kind) {
    case 'found':
      return walked;
    case 'denied':
      return closed(view, walked.path, what);
    case 'loop':
      return { message: `${what}too many symbolic links, at ${shown}`, path: shown, missing: false };
    case 'not-directory':
      return { message: `${what}${shown} is not a directory`, path: shown, missing: true };
    case 'missing': {
      const missing = {
        path: shown,
        missing: true,
        hint: `uchroot-jail build ${view.jail} ${showPath(from)}`,
      };
      if (link !== undefined) {
        const leads = `the symbolic link ${showPath(link.path)} leads to ${showPath(link.target)}`;
        return { ...missing, message: `${what}${leads}, and ${shown} does not exist in the jail` };
      }
      if (shown !== showPath(from))
        return { ...missing, message: `${what}its directory ${shown} does not exist in the jail` };
      return { ...missing, message: `${what}not found in the jail` };
    }
    default:
      return walked satisfies never;
  }
}

function readHead(
  view: JailView,
  path: BytePath,
): { readonly head: Uint8Array; readonly elf: Elf | undefined } | undefined {
  const file = view.root.open(path);
  if (file === undefined) return undefined;
  try {
    const elf = readElf(file.read);
    return { head: file.read(0, SCRIPT_HEAD_BYTES), elf: elf.kind === 'elf' ? elf : undefined };
  } finally {
    file.close();
  }
}

function diagnoseScript(
  view: JailView,
  path: BytePath,
  head: Uint8Array,
  what: string,
  depth: number,
): Diagnosis | undefined {
  const shown = showPath(path);
  const script = readScript(head);
  switch (script.kind) {
    case 'none':
      return head.length === 0
        ? { message: `${what}the file is empty`, path: shown, missing: false }
        : {
            message: `${what}neither an ELF program nor a script with a #! line`,
            path: shown,
            hint: 'if it is a shell script, its first line must be: #!/bin/sh',
            missing: false,
          };
    case 'invalid':
      return {
        message:
          script.reason === 'empty'
            ? `${what}its line '#!' names no interpreter`
            : `${what}its line '#!${showPath(script.line)}' names an interpreter too long for the kernel (256 bytes)`,
        path: shown,
        missing: false,
      };
    case 'script': {
      const carriageReturn = script.line.endsWith('\r');
      const found = diagnoseFile(
        view,
        script.interpreter,
        `its interpreter ${showPath(script.interpreter)} (line '#!${showPath(script.line)}'): `,
        depth + 1,
      );
      if (found === undefined || !carriageReturn) return found;
      return { ...found, hint: `the line ends in a carriage return: sed -i 's/\\r$//' ${view.jail}${shown}` };
    }
    default:
      return script satisfies never;
  }
}

function diagnoseFile(view: JailView, path: BytePath, what: string, depth: number): Diagnosis | undefined {
  if (depth > deepest)
    return {
      message: `${what}scripts whose interpreter is a script, more than ${deepest} deep`,
      path: showPath(path),
      missing: false,
    };
  const found = find(view, path, what);
  if (found === undefined || 'message' in found) return found;
  const { status } = found;
  const shown = showPath(found.path);
  const host = `${view.jail}${shown}`;
  if (status.kind === 'directory') return { message: `${what}is a directory`, path: shown, missing: false };
  if (status.kind !== 'file') return { message: `${what}is not a regular file`, path: shown, missing: false };
  if (!mayExecute(status, view.account)) {
    return {
      message: `${what}no execute permission for uid ${view.account.uid} (${describeMode(status)})`,
      path: shown,
      hint: `chmod a+rx ${host}`,
      missing: false,
    };
  }
  if (status.noexec) {
    return {
      message: `${what}it lies on a file system that is mounted noexec`,
      path: shown,
      hint: `put it on a file system where programs may be executed; findmnt -T ${host} shows this one`,
      missing: false,
    };
  }
  const read = readHead(view, found.path);
  if (read === undefined) return undefined;
  const { head, elf } = read;
  if (elf === undefined) {
    if (Buffer.from(head.subarray(0, 4)).equals(Buffer.from('\x7fELF', 'latin1'))) {
      return {
        message: `${what}a damaged ELF file`,
        path: shown,
        hint: `uchroot-jail build ${view.jail} ${shown}`,
        missing: false,
      };
    }
    return diagnoseScript(view, found.path, head, what, depth);
  }
  const machine = machineName(elf);
  const own = machines[view.architecture] ?? [];
  if (!own.some((known) => machine.startsWith(known))) {
    const message = `${what}a program for ${machine}, and this machine is ${own[0] ?? view.architecture}`;
    return { message, path: shown, missing: false };
  }
  if (elf.linkage === 'none') {
    const message = `${what}an ELF file, but not a program (an object file or a core)`;
    return { message, path: shown, missing: false };
  }
  if (elf.interpreter === undefined) return undefined;
  return diagnoseFile(view, elf.interpreter, `its ELF interpreter ${showPath(elf.interpreter)}: `, depth + 1);
}

// Where a program of this name exists: execve does not search PATH (execve(2)).
function elsewhere(view: JailView, name: string): string | undefined {
  return ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((directory) => `${directory}/${name}`)
    .find((path) => walk(view.root, bytePath(path)).kind === 'found');
}

/** Why the kernel would not execute a program; undefined if no cause is found. */
export function diagnoseProgram(view: JailView, program: Uint8Array): Diagnosis | undefined {
  const path = bytePath(program);
  const diagnosis = diagnoseFile(view, path, '', 0);
  if (diagnosis === undefined || !diagnosis.missing || path.includes('/')) return diagnosis;
  const meant = elsewhere(view, path);
  return {
    ...diagnosis,
    hint:
      meant === undefined
        ? 'give the path in the jail, such as /bin/ls: PATH is not searched'
        : `give the path in the jail: ${meant}`,
  };
}

/** Why the working directory cannot be entered; undefined if no cause is found. */
export function diagnoseDirectory(view: JailView, directory: Uint8Array): Diagnosis | undefined {
  const found = find({ ...view, cwd: Buffer.from('/') }, bytePath(directory), '');
  if (found === undefined) return undefined;
  if ('message' in found)
    return { ...found, ...(found.missing ? { hint: `mkdir -p ${view.jail}${found.path}` } : {}) };
  if (found.status.kind !== 'directory')
    return { message: 'not a directory', path: showPath(found.path), missing: false };
  if (mayExecute(found.status, view.account)) return undefined;
  return {
    message: `uid ${view.account.uid} may not enter it (${describeMode(found.status)})`,
    path: showPath(found.path),
    hint: `chmod o+x ${view.jail}${showPath(found.path)}`,
    missing: false,
  };
}
