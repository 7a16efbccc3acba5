// Finds out why execve or chdir failed: looks into the jail, always beneath its root, and names the file that causes the failure.
import { posix } from 'node:path';

import { type Elf, readElf } from '../../binary/elf.ts';
import { machineName } from '../../binary/machine.ts';
import {
  bytePath,
  type BytePath,
  joinPath,
  lastComponent,
  parentPath,
  showPath,
  trimSlashes,
} from '../../tree/path.ts';
import { readScript, SCRIPT_HEAD_BYTES } from '../../binary/shebang.ts';
import { walk } from '../../tree/walk.ts';
import { commandLine, shellWord, withoutReturns } from '../../words/shell-word.ts';
import { formOf, shebangFor } from './file-form.ts';
import { find, notFound, type Diagnosis } from './found-path.ts';
import { describeMode, mayExecute, type JailView } from './jail-view.ts';
import {
  buildCommand,
  copyCommand,
  hostWord,
  interpreterHint,
  lacksProgram,
  pathBelow,
  pathInJail,
  programHint,
  shellIn,
  similarDirectory,
} from './program-hint.ts';

const machines: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86-64', 'i386'],
  arm64: ['aarch64', 'arm'],
};
// The kernel's limit: an interpreter can be a script again, up to five times (execve(2), ELOOP).
const deepest = 5;

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

// U+FEFF in UTF-8, which editors of other systems write.
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function noScript(
  view: JailView,
  head: Uint8Array,
  path: string,
  what: string,
): Pick<Diagnosis, 'message' | 'hint'> {
  if (head.length === 0)
    return { message: `${what}the file is empty`, hint: 'copy it again from where it came' };
  if (byteOrderMark.equals(head.subarray(0, 3)))
    return {
      message: `${what}a byte order mark (U+FEFF) stands before its first line`,
      hint: `sed -i '1s/^\\xef\\xbb\\xbf//' ${hostWord(view, path)}`,
    };
  const space = /^\s+(?=#!)/.exec(Buffer.from(head.subarray(0, 64)).toString('latin1'))?.[0];
  if (space !== undefined) {
    const [before, edit] = space.includes('\n')
      ? ['an empty line', '/[^[:space:]]/,$!d']
      : ['a blank', '1s/^[[:blank:]]*//'];
    return {
      message: `${what}${before} stands before its #! line`,
      hint: `sed -i '${edit}' ${hostWord(view, path)}`,
    };
  }
  const form = formOf(head);
  if (form !== undefined) return { message: `${what}${form.message}`, hint: form.hint };
  const shebang = shebangFor(path, showPath(shellIn(view) ?? bytePath('/bin/sh')));
  return {
    message: `${what}neither an ELF program nor a script with a #! line`,
    hint: `if it is a ${shebang.endsWith('sh') ? 'shell script' : 'script'}, its first line must be: ${shebang}`,
  };
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
      return { ...noScript(view, head, shown, what), path: shown, missing: false };
    case 'invalid':
      return {
        message:
          script.reason === 'empty'
            ? `${what}its line '#!' names no interpreter`
            : `${what}its line '#!${showPath(script.line)}' names an interpreter too long for the kernel (256 bytes)`,
        path: shown,
        hint: 'write the path of the interpreter behind it, such as #!/bin/sh',
        missing: false,
      };
    case 'script': {
      const found = diagnoseFile(
        view,
        script.interpreter,
        `its interpreter ${showPath(script.interpreter)} (line '#!${showPath(script.line)}'): `,
        depth + 1,
      );
      if (found === undefined) return found;
      if (script.line.endsWith('\r')) return { ...found, hint: withoutReturns(hostWord(view, shown)) };
      // execve does not search PATH
      if (!script.interpreter.startsWith('/'))
        return { ...found, hint: 'write the whole path of the interpreter, such as #!/bin/sh' };
      return depth === 0 && found.missing
        ? { ...found, hint: interpreterHint(view, script.interpreter) }
        : found;
    }
    default:
      return script satisfies never;
  }
}

// `path` is the path that led to the file, `shown` the same path with its links resolved.
function diagnoseElf(
  view: JailView,
  path: BytePath,
  shown: string,
  elf: Elf,
  what: string,
  depth: number,
): Diagnosis | undefined {
  const machine = machineName(elf);
  const own = machines[view.architecture] ?? [];
  if (!own.some((known) => machine.startsWith(known))) {
    const message = `${what}a program for ${machine}, and this machine is ${own[0] ?? view.architecture}`;
    return {
      message,
      path: shown,
      hint: `give one that is built for ${own[0] ?? view.architecture}`,
      missing: false,
    };
  }
  if (elf.linkage === 'none') {
    const message = `${what}an ELF file, but not a program (an object file or a core)`;
    return { message, path: shown, hint: 'give the program that a linker makes', missing: false };
  }
  if (elf.interpreter === undefined) return undefined;
  const { interpreter } = elf;
  const lacking = diagnoseFile(
    view,
    interpreter,
    `its ELF interpreter ${showPath(interpreter)}: `,
    depth + 1,
  );
  if (lacking?.missing !== true) return lacking;
  // If the host has the program, adding it brings its loader along. Otherwise the loader must be added alone.
  const isOwn = depth === 0 && lacksProgram(view);
  if (isOwn && /\/ld-musl-/.test(interpreter))
    return {
      ...lacking,
      hint: `it is built with musl: ${commandLine('uchroot-jail', 'build', '/srv/NEW')} --from ROOT ${shellWord(path)} takes it from the system in ROOT, such as one of Alpine`,
    };
  return { ...lacking, hint: isOwn ? copyCommand(view, interpreter) : buildCommand(view, path) };
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
  const host = hostWord(view, shown);
  if (status.kind === 'directory')
    return {
      message: `${what}is a directory`,
      path: shown,
      hint: 'give the path of a program in it',
      missing: false,
    };
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
        hint:
          view.host?.program !== undefined
            ? buildCommand(view, found.path)
            : 'copy it again from where it came',
        missing: false,
      };
    }
    return diagnoseScript(view, found.path, head, what, depth);
  }
  return diagnoseElf(view, path, shown, elf, what, depth);
}

// The program of the host that a dangling link in the jail leads to, by its path on the host.
function targetOf({ root }: JailView, path: BytePath): BytePath | undefined {
  let target: BytePath | undefined;
  for (let at = path; ; at = target) {
    const directory = walk(root, parentPath(at));
    const own = joinPath(directory.path, lastComponent(at));
    const link = walk(root, own).links.find((each) => each.path === own);
    if (directory.kind !== 'found' || link === undefined) return target;
    target = posix.normalize(joinPath(directory.path, link.target)) as BytePath;
  }
}

/** Why the kernel would not execute a program; undefined if no cause is found. */
export function diagnoseProgram(view: JailView, program: Uint8Array): Diagnosis | undefined {
  const path = bytePath(program);
  const from = joinPath(bytePath(view.cwd), path).replace(/\/(?:\.\/)+/g, '/') as BytePath;
  const diagnosis = diagnoseFile(view, path, '', 0);
  if (diagnosis === undefined || !diagnosis.missing || walk(view.root, from).kind === 'found')
    return diagnosis;
  const target = lacksProgram(view) ? targetOf(view, from) : undefined;
  const hint = target === undefined ? programHint(view, path, from) : buildCommand(view, target);
  // a directory that an argument names is no cause
  return { ...diagnosis, hint, ...(/[ \t\n]/.test(path) && notFound) };
}

// The whole path of a directory of which a part is missing, unless a link leads elsewhere.
function missingDirectory(missing: string, path: BytePath): string {
  const whole = showPath(trimSlashes(path));
  return whole.startsWith(`${missing}/`) && !whole.includes('/..') ? whole : missing;
}

/** Why the working directory cannot be entered; undefined if no cause is found. */
export function diagnoseDirectory(view: JailView, directory: Uint8Array): Diagnosis | undefined {
  const path = bytePath(directory);
  const found = find({ ...view, cwd: Buffer.from('/') }, path, '');
  if (found === undefined) return undefined;
  if ('message' in found) {
    if (!found.missing) return found;
    const isJail = trimSlashes(path) === trimSlashes(bytePath(view.jail));
    const inside = isJail ? bytePath('/') : (pathInJail(view, path) ?? pathBelow(view, path, 'directory'));
    if (inside !== undefined) return { ...found, hint: `give the path in the jail: ${showPath(inside)}` };
    const meant = similarDirectory(view, path);
    if (meant !== undefined) return { ...found, hint: `did you mean ${showPath(meant)}?` };
    const hint = path.startsWith('~')
      ? 'only a shell knows ~: give a path of the jail, such as /tmp'
      : `mkdir -p ${hostWord(view, missingDirectory(found.path, path))}`;
    return { ...found, hint };
  }
  if (found.status.kind !== 'directory')
    return {
      message: 'not a directory',
      path: showPath(found.path),
      hint: `give a directory: ${showPath(parentPath(found.path))}`,
      missing: false,
    };
  if (mayExecute(found.status, view.account)) return undefined;
  return {
    message: `uid ${view.account.uid} may not enter it (${describeMode(found.status)})`,
    path: showPath(found.path),
    // as a jail is built: programs list its top directory
    hint: `chmod ${found.path === '/' ? 'o+rx' : 'o+x'} ${hostWord(view, showPath(found.path))}`,
    missing: false,
  };
}
