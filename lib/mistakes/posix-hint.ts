// What a caller of uchroot/posix has most likely confused, and what a failed call needs.
import { existsSync } from 'node:fs';

import { quote } from '../words/quote.ts';
import { shellWord } from '../words/shell-word.ts';

const shown = (value: unknown): string =>
  typeof value === 'string' ? `'${quote(value)}'` : quote(String(value));

/** @throws TypeError for what is no id; process.setuid() takes names too. @param lookUp what makes an id of a name */
export function refuseId(id: unknown, lookUp: string): void {
  if (typeof id === 'number') return;
  // of a look-up that has found none
  const isNone = id === undefined || id === null;
  if (typeof id === 'string' && /^[0-9]+$/.test(id))
    throw new TypeError(`an id is a number, not ${shown(id)}: write ${Number(id)}`);
  const none = isNone ? ', and there is none if the name is unknown' : '';
  throw new TypeError(`an id is a number, not ${shown(id)}: ${lookUp} looks it up${none}`);
}

/** @throws TypeError for what is no name. @param byId what takes an id */
export function refuseName(name: unknown, byId?: string): void {
  if (typeof name === 'string' || name instanceof Uint8Array) return;
  const remedy = typeof name === 'number' && byId !== undefined ? `${byId} takes an id` : "write 'NAME'";
  throw new TypeError(`a name is a text, not ${shown(name)}: ${remedy}`);
}

/** @throws TypeError for what is neither text nor bytes */
export function refusePath(path: unknown, what: string, example: string): void {
  if (typeof path === 'string' || path instanceof Uint8Array) return;
  const right =
    path instanceof URL
      ? `fileURLToPath('${quote(path.href)}')`
      : `'${typeof path === 'number' || typeof path === 'boolean' ? path : example}'`;
  throw new TypeError(`${what} is a text, not ${shown(path)}: write ${right}`);
}

/** @throws TypeError for what is no array. @param right the call with one */
export function refuseList(list: unknown, what: string, right: string): void {
  if (Array.isArray(list)) return;
  throw new TypeError(`${what} must be an array, not ${shown(list)}: write ${right}`);
}

const inOrder = 'root alone may: start it with sudo, and call setgroups, setgid and setuid in this order';
const inJail = 'is it there? after chroot(), a path is one of the jail';

// PATH is not searched, and the loader or interpreter of a program can be missing too.
function execHint(path: string): string {
  if (path.includes('/'))
    return existsSync(path)
      ? 'the file is there, and its loader or interpreter is not: uchroot-jail build DIRECTORY PROGRAM brings it into a jail'
      : inJail;
  const directories = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  const found = directories.map((directory) => `${directory}/${path}`).find((each) => existsSync(each));
  return `PATH is not searched: write its path, such as '${quote(found ?? '/bin/ls')}'`;
}

function hintFor({ code, syscall, path = '' }: NodeJS.ErrnoException): string | undefined {
  const isChroot = syscall === 'chroot';
  if (code === 'EPERM')
    return isChroot ? 'root alone may: start it with sudo, and call chroot before setuid' : inOrder;
  if (code === 'ENOENT' && isChroot) return `uchroot-jail build ${shellWord(path)} bash makes a jail`;
  if (code === 'ENOENT') return syscall === 'execv' ? execHint(path) : inJail;
  if (code === 'ENOEXEC') return 'a script begins with a line such as #!/bin/sh';
  if (code === 'EACCES')
    return `who may use it? namei -l ${shellWord(path)} shows each directory and its mode`;
  return code === 'ENOTDIR' ? 'name a directory' : undefined;
}

/** Makes a call. An error of the system gets a `hint`, if there is one. */
export function hinted<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const hint = error instanceof Error ? hintFor(error) : undefined;
    throw hint === undefined ? error : Object.assign(error as Error, { hint });
  }
}
