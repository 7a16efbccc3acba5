// The judgement of what a launch takes from the host: sources of binds, and the directory of --ephemeral-dir.
import { bytePath } from '../../binary/path.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';
import type { Way } from '../../trust/way.ts';
import { acceptDirectory, judgeDirectory, type DirectoryFinding } from './directory.ts';
import { waysTo } from './holders.ts';
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
  const judge = (path: Buffer, title: string, way: Way): void => {
    const to = { step: 'open_tree', title, name: quote(path) };
    acceptDirectory(judgeDirectory(way, account, to), request.insecurePath, to).forEach(warn);
  };
  for (const entry of request.view) {
    if (entry.kind !== 'bind') continue;
    for (const way of waysTo(bytePath(entry.source))) judge(entry.source, 'bind', way);
  }
  const { ephemeral } = request;
  if (ephemeral === undefined || ephemeral === true) return;
  const { components, jailFd } = native.readHostSync({ jail: ephemeral });
  // not there: the launch fails, and says so
  if (jailFd < 0) return;
  native.closeJail(jailFd);
  judge(ephemeral, 'ephemeral', { components, isHostRoot: false });
}
