// What to learn from: the request, the command, and the account and environment that it runs with.

import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable, walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { checkKeys } from '../../values/keys.ts';
import { type Account, accountQuery, toAccount } from '../../launch/host/account.ts';
import { buildEnvironment } from '../../launch/host/environment.ts';
import { toPrincipal } from '../../launch/request/request.ts';
import { native } from '../../native.ts';
import { type Bytes, quote, toBuffer } from '../../words/quote.ts';
import { splitWords } from './command-words.ts';

export interface LearnRequest {
  /** The words of a command; or a command line, which is split as by sh but not expanded (see splitWords). */
  readonly command: Bytes | readonly Bytes[];
  /** An ordinary user of the host, by name or uid. Default `nobody`, who owns no file. */
  readonly user?: string | undefined;
  /** How long the command may run; what was learned until then counts. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The network of the host, instead of one with only a loopback device. The command then really sends to its services. */
  readonly hostNetwork?: boolean | undefined;
}

const KEYS = new Set(['command', 'user', 'timeoutMs', 'signal', 'hostNetwork']);
const LONGEST_MS = 2 ** 31 - 1 - 60_000; // the longest timer of Node, less what is added to it

/** Checks a request, and fills in the defaults. @throws UsageError */
export function normalize(request: LearnRequest) {
  checkKeys(request, KEYS);
  const { command, user = 'nobody', timeoutMs = 60_000, hostNetwork = false } = request;
  if (typeof user !== 'string') throw new UsageError('user must be a string');
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= LONGEST_MS))
    throw new UsageError(`timeoutMs must be a number above 0, and at most ${LONGEST_MS}`);
  if (typeof hostNetwork !== 'boolean') throw new UsageError('hostNetwork must be true or false');
  return { words: wordsOf(command), user, timeoutMs, hostNetwork };
}

function wordsOf(command: LearnRequest['command']): readonly Buffer[] {
  if (typeof command === 'string' || command instanceof Uint8Array) return splitWords(command);
  const words = command.map(toBuffer);
  if (words[0] === undefined || words[0].length === 0)
    throw new UsageError('the command to learn from is empty');
  const odd = words.find((word) => word.includes(0));
  if (odd !== undefined) throw new UsageError(`${quote(odd)} contains a NUL byte`);
  return words;
}

/** The command as messages show it. */
export function showCommand(command: LearnRequest['command']): string {
  if (typeof command === 'string') return command;
  if (command instanceof Uint8Array) return quote(command);
  const shown = command.map((word) => quote(word));
  return shown.map((word) => (/[^\w@%+=:,./-]/.test(word) ? `'${word}'` : word)).join(' ');
}

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
