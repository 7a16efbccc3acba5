// The program of a command to learn from, and the account and environment that it runs with.

import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable, walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { type Account, accountQuery, toAccount } from '../../launch/host/account.ts';
import { buildEnvironment } from '../../launch/host/environment.ts';
import { toPrincipal } from '../../launch/request/request.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';

const USER_PATH = '/usr/local/bin:/usr/bin:/bin';

// The command is also looked for in directories that only root has in PATH: root names a daemon.
const COMMAND_PATH = `${USER_PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

/** The path of the program on the host, which is that in the scratch copy too. @throws UsageError */
export function findCommand(root: FileRoot, word: Buffer): BytePath {
  const name = bytePath(word);
  const candidates = name.includes('/')
    ? [joinPath(bytePath(process.cwd()), name)]
    : COMMAND_PATH.split(':').map((directory) => joinPath(bytePath(directory), name));
  const program = candidates.find((candidate) => isExecutable(root, candidate));
  const shown = `command ${quote(word)} to learn from`;
  if (program === undefined)
    throw new UsageError(`${shown}: not found`, {
      hint: name.includes('/')
        ? 'it has to be an executable file'
        : `give its path: it is in none of ${COMMAND_PATH}`,
    });
  if (!isInTmp(root, program)) return program;
  const hint = 'copy it elsewhere';
  throw new UsageError(`${shown} lies in /tmp, which a scratch copy has empty`, { hint });
}

export function isInTmp(root: FileRoot, path: BytePath): boolean {
  return walk(root, path).path.startsWith(`${walk(root, bytePath('/tmp')).path}/`);
}

/**
 * The account for a login name of the host, or for a uid that has one.
 * @throws LaunchError ERR_UNKNOWN_USER if there is none; UsageError for uid 0: root can leave a chroot, and so the scratch copy, for
 * the real host (chroot(2)), and no file would be a secret to root
 */
export function findAccount(user: string): Account {
  const asked = { user: toPrincipal(user, 'user'), group: undefined, groups: undefined };
  const account = toAccount(asked, native.readHostSync(accountQuery(asked)));
  if (account.uid !== 0) return account;
  throw new UsageError(`user ${quote(user)} is uid 0, and a scratch copy of the host cannot confine root`, {
    hint: 'learn as the user that the program will run as in the jail',
  });
}

/** The home directory without links; undefined if it is not the user's own, as /bin of a system account. */
export function homeOf(root: FileRoot, account: Account): BytePath | undefined {
  const end = walk(root, bytePath(account.home));
  const isHome = end.kind === 'found' && end.status.kind === 'directory' && end.status.uid === account.uid;
  return isHome ? end.path : undefined;
}

/** The environment that `uchroot` would start the command with. */
export function environmentOf(account: Account): readonly Buffer[] {
  const environment = Object.entries(process.env).map(
    ([name, value = '']) => [name, Buffer.from(value)] as const,
  );
  return buildEnvironment({
    request: { env: [], jail: Buffer.from('/'), keepEnv: false, passEnv: [] },
    account,
    caller: { environment, inPlace: false, pid: process.pid },
  });
}
