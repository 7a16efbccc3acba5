// Whom a learned command runs as, and in what environment.

import { UsageError } from '../../errors.ts';
import { unknown } from '../../launch/host/account.ts';
import { native, type Passwd } from '../../native.ts';
import { quote } from '../../quote.ts';

export interface LearnAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** With the primary one, ascending. */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
}

/**
 * The account of a login name of the host, or of a uid that has one.
 * @throws LaunchError ERR_UNKNOWN_USER if there is none; UsageError for uid 0: a chroot does not hold root, who could leave the scratch copy for the
 * real host (chroot(2)); nor would any file be a secret to him.
 */
export function findAccount(user: string): LearnAccount {
  const passwd = findPasswd(user);
  if (passwd === null) {
    const hint = 'the command to learn from runs as a user of the host: getent passwd lists them';
    throw unknown('user', user, hint);
  }
  if (passwd.uid === 0) {
    throw new UsageError(`user ${quote(user)} is uid 0, whom a scratch copy of the host does not hold`, {
      hint: 'learn as the user that the program will run as in the jail',
    });
  }
  const { name, uid, gid, dir, shell } = passwd;
  const groups = [...new Set([gid, ...native.getgrouplist(name, gid)])].toSorted((a, b) => a - b);
  return { name, uid, gid, groups, home: dir || '/', shell: shell || '/bin/sh' };
}

function findPasswd(user: string): Passwd | null {
  if (user === '' || user.includes('\0')) return null;
  const byName = native.getpwnam(user);
  const isUid = /^[0-9]{1,10}$/.test(user) && Number(user) <= 2 ** 32 - 2;
  return byName ?? (isUid ? native.getpwuid(Number(user)) : null);
}

// What describes the terminal, the language and the time zone, and says nothing else about the caller.
const DESCRIBED = /^(?:TERM|COLORTERM|TZ|LANG|LANGUAGE|LC_[A-Z]+)$/;

const USER_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Where a command is looked for: also where only root's PATH leads, since it is root who names a daemon. */
export const COMMAND_PATH = `${USER_PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

/** The environment that `uchroot` would start the command with. */
export function environmentOf(
  account: LearnAccount,
  caller: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const described = Object.entries(caller).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && DESCRIBED.test(entry[0]),
  );
  return {
    ...Object.fromEntries(described),
    PATH: USER_PATH,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
  };
}
