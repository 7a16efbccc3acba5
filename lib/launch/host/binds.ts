// The judgement of what a launch binds into the jail.
import { bytePath, parentPath, pathBytes } from '../../binary/path.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';
import { acceptDirectory, judgeDirectory, type DirectoryFinding } from './directory.ts';
import type { PreparedLaunch } from './prepare.ts';

/**
 * Judges the way to each source of a bind. The program's user must not be able to put another file of the host in its place: the
 * launch would show it to the program.
 *
 * @throws LaunchError ERR_INSECURE_PATH
 */
export function judgeBinds(
  { request, account }: Pick<PreparedLaunch, 'request' | 'account'>,
  warn: (warning: DirectoryFinding) => void,
): void {
  for (const entry of request.view) {
    if (entry.kind !== 'bind') continue;
    const { components, jailFd } = native.readHostSync({
      jail: pathBytes(parentPath(bytePath(entry.source))),
    });
    // not there: the launch fails, and says so
    if (jailFd < 0) continue;
    native.closeJail(jailFd);
    const to = { step: 'open_tree', title: 'bind', name: quote(entry.source) };
    const way = { components, isHostRoot: false, isParent: true };
    acceptDirectory(judgeDirectory(way, account, to), request.insecurePath, to).forEach(warn);
  }
}
