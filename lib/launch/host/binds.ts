// The judgement of what a launch takes from the host: sources of binds, and the directory of --ephemeral-dir.
import { bytePath, parentPath, pathBytes } from '../../binary/path.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';
import { acceptDirectory, judgeDirectory, type DirectoryFinding } from './directory.ts';
import { refuseOwnReach } from './own-reach.ts';
import type { PreparedLaunch } from './prepare.ts';

/**
 * Judges the way to each source of a bind, and the directory of --ephemeral-dir. The program's user must not be able to put another
 * file of the host in its place: the launch would show it to the program. In that directory he must not be able to make entries
 * either: a link `upper` would show what it leads to.
 *
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function judgeBinds(
  { request, account }: Pick<PreparedLaunch, 'request' | 'account'>,
  warn: (warning: DirectoryFinding) => void,
): void {
  if (account.outside !== undefined) refuseOwnReach(request);
  const judge = (path: Buffer, title: string, isParent: boolean): void => {
    const jail = isParent ? pathBytes(parentPath(bytePath(path))) : path;
    const { components, jailFd } = native.readHostSync({ jail });
    // not there: the launch fails, and says so
    if (jailFd < 0) return;
    native.closeJail(jailFd);
    const to = { step: 'open_tree', title, name: quote(path) };
    const way = { components, isHostRoot: false, isParent };
    acceptDirectory(judgeDirectory(way, account, to), request.insecurePath, to).forEach(warn);
  };
  for (const entry of request.view) if (entry.kind === 'bind') judge(entry.source, 'bind', true);
  const { ephemeral } = request;
  if (ephemeral !== undefined && ephemeral !== true) judge(ephemeral, 'ephemeral', false);
}
