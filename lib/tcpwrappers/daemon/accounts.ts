// Users and groups of the host, by name.

import { native } from '../../native.ts';

/** Whether there are users and groups; names have one byte a character. */
export interface Accounts {
  readonly hasUser: (name: string) => boolean;
  readonly hasGroup: (name: string) => boolean;
}

/** Those of the host's databases (getpwnam(3), getgrnam(3)). */
export const HOST_ACCOUNTS: Accounts = {
  hasUser: (name) => native.getpwnam(Buffer.from(name, 'latin1')) !== null,
  hasGroup: (name) => native.getgrnam(Buffer.from(name, 'latin1')) !== null,
};
