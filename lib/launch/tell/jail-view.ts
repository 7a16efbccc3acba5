// The jail as the program's account sees it.
import { bytePath, trimSlashes, type BytePath } from '../../tree/path.ts';
import { openFileRoot, type FileRoot, type FileStatus } from '../../tree/root.ts';
import { quote } from '../../words/quote.ts';
import { bySudo, startedBy } from '../../words/shell-word.ts';
import type { Account } from '../host/account.ts';
import { hostAccount } from '../host/rootless.ts';
import type { Launch } from '../plan/launch.ts';
import type { NormalRequest } from '../request/request.ts';
import { glance, type HostGlance } from './host-glance.ts';

/** The jail as the program's account sees it. */
export interface JailView {
  readonly root: FileRoot;
  readonly account: Account;
  /** Path of the jail on the host, quoted, for hints. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  /** Where the launch mounts directories of the host. Before the launch, their content cannot be seen in the jail. */
  readonly binds: readonly BytePath[];
  /** A value of process.arch. */
  readonly architecture: string;
  /** Others could replace the jail: the builder refuses it. */
  readonly isUnsafe?: boolean | undefined;
  /** What the host has; undefined if that is not known. */
  readonly host?: HostGlance | undefined;
}

/** The part of a view that does not depend on the account. */
export function viewOfJail(
  { jail, cwd, view }: Pick<NormalRequest, 'jail' | 'cwd' | 'view'>,
  jailFd: number,
): Pick<JailView, 'root' | 'jail' | 'cwd' | 'binds'> {
  const binds = view.flatMap((entry) =>
    entry.kind === 'bind' || entry.kind === 'workspace' ? [trimSlashes(bytePath(entry.target))] : [],
  );
  return { root: openFileRoot(jailFd), jail: quote(jail), cwd, binds };
}

/** The jail as the program of a launch sees it. @param jailFd -1 if it is not open: then the host is not looked at for a script */
export function viewOf(launch: Launch, jailFd = launch.jail.fd): JailView {
  const { request, account, architecture, jail, execve } = launch;
  const seen = viewOfJail(request, jailFd);
  return {
    ...seen,
    account: hostAccount(account),
    architecture,
    isUnsafe: jail.warnings.length > 0,
    host: glance(execve.program, jailFd < 0 ? undefined : seen),
  };
}

/** A hint as the caller can follow it: only root and its owner change a jail. */
export function forCaller({ root }: Pick<JailView, 'root'>, hint: string | undefined): string | undefined {
  const ofRoot = hint === undefined ? undefined : bySudo(hint);
  if (ofRoot === hint) return hint;
  try {
    return root.lstat('/' as BytePath)?.uid === startedBy ? hint : ofRoot;
  } catch {
    return ofRoot; // an error of this look must not hide the failure itself
  }
}

/** Whether the mode gives an account a right. No capability overrides it, not even for uid 0 (capabilities(7), CAP_DAC_OVERRIDE). */
export function mayExecute(status: FileStatus, { uid, gid, groups }: JailView['account']): boolean {
  if (status.uid === uid) return (status.mode & 0o100) !== 0;
  if (status.gid === gid || groups.includes(status.gid)) return (status.mode & 0o010) !== 0;
  return (status.mode & 0o001) !== 0;
}

/** Whether an account certainly cannot read a file: neither its mode nor any access control list that the mode permits allows it (acl(5)). */
export function isClosed({ uid, mode }: FileStatus, account: JailView['account']): boolean {
  // in a user namespace the ids are others
  return account.outside === undefined && (mode & (uid === account.uid ? 0o400 : 0o044)) === 0;
}

export function describeMode(status: FileStatus): string {
  return `mode ${status.mode.toString(8).padStart(4, '0')}, owner ${status.uid}:${status.gid}`;
}
