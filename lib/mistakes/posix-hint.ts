// Hints for failed calls of uchroot/posix: what the errno alone does not say.
import { existsSync } from 'node:fs';

// setuid() to another user than root gives these up (capabilities(7), "Effect of user ID changes on capabilities").
const needed: Readonly<Record<string, string>> = {
  chroot: 'CAP_SYS_CHROOT',
  setgroups: 'CAP_SETGID',
  setgid: 'CAP_SETGID',
  setuid: 'CAP_SETUID',
};

function hintFor({ code, syscall = '', path = '' }: NodeJS.ErrnoException): string | undefined {
  if (code === 'EPERM' && needed[syscall] !== undefined)
    return `${syscall} needs ${needed[syscall]}: start as root, and call chroot, setgroups, setgid and setuid in this order`;
  if (code !== 'ENOENT' || syscall !== 'execv') return undefined;
  if (!path.includes('/')) return 'PATH is not searched: give the path of the program';
  return existsSync(path) ? 'the file exists, but its loader or interpreter does not' : undefined;
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
