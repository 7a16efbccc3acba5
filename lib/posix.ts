// `uchroot/posix`: the calls that a launch is made of, each under its own name. Node has setgroups, setgid, setuid and chdir of its
// own, but no getpwnam (nodejs/node#37517), no chroot and no execv on Node 20.
//
// The calls that change a process change the whole process, all threads, for good. They are for a process that becomes another
// program; a launch by runInJail() or spawnInJail() changes nothing here.
import { native, type Group, type Passwd } from './native.ts';
import { hinted } from './mistakes/posix-hint.ts';
import type { Bytes } from './words/quote.ts';

export type { Group, Passwd } from './native.ts';
export type { Bytes } from './words/quote.ts';

/** The account of this name; null if there is none (getpwnam_r(3)). @throws a system error if the database does not answer */
export function getpwnam(name: Bytes): Passwd | null {
  return native.getpwnam(name);
}

/** The account with this uid; null if there is none (getpwuid_r(3)). @throws as getpwnam */
export function getpwuid(uid: number): Passwd | null {
  return native.getpwuid(uid);
}

/** The group of this name; null if there is none (getgrnam_r(3)). @throws as getpwnam */
export function getgrnam(name: Bytes): Group | null {
  return native.getgrnam(name);
}

/**
 * The gids of a user's groups, with `gid` (getgrouplist(3)). A user without groups, or an unknown one, has only `gid`. @throws as
 * getpwnam
 */
export function getgrouplist(user: Bytes, gid: number): readonly number[] {
  return native.getgrouplist(user, gid);
}

/** Sets the supplementary groups (setgroups(2)); before setgid and setuid, which take the right to it. @throws EPERM */
export function setgroups(gids: readonly number[]): void {
  hinted(() => native.setgroups(gids));
}

/** Sets the gid; as root the real, effective and saved one (setgid(2)). @throws EPERM */
export function setgid(gid: number): void {
  hinted(() => native.setgid(gid));
}

/** Sets the uid; as root the real, effective and saved one, with no way back (setuid(2)). @throws EPERM, EAGAIN */
export function setuid(uid: number): void {
  hinted(() => native.setuid(uid));
}

/** Changes the root directory, and not the working directory: call chdir('/') next (chroot(2)). @throws EPERM, ENOENT, ENOTDIR */
export function chroot(path: Bytes): void {
  hinted(() => native.chroot(path));
}

/** Changes the working directory (chdir(2)). @throws ENOENT, ENOTDIR, EACCES */
export function chdir(path: Bytes): void {
  hinted(() => native.chdir(path));
}

/** Replaces this process by a program, with this environment; PATH is not searched (execv(3)). @throws if it fails */
export function execv(path: Bytes, argv: readonly Bytes[]): never {
  return hinted(() => native.execv(path, argv));
}
