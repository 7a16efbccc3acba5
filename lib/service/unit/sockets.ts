// Whether a jail has the places at which systemd is to mount its sockets.
import { bytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { logSocket, socketDirectory, socketsOf } from './systemd.ts';
import type { Unit } from './unit.ts';

/**
 * The pack that is missing in the jail for the sockets that the unit brings in; undefined if all is there. No link may be on
 * the way: systemd would follow it on the host.
 */
export function findMissingPack(unit: Unit, root: FileRoot): 'notify' | 'syslog' | undefined {
  const sockets = socketsOf(unit);
  if (sockets.length === 0) return undefined;
  // what syslog(3) opens; the pack has the link
  if (sockets.includes(logSocket) && root.lstat(bytePath('/dev/log'))?.target !== logSocket) return 'syslog';
  const found = walk(root, bytePath(socketDirectory));
  const isThere = found.kind === 'found' && found.status.kind === 'directory' && found.links.length === 0;
  return isThere ? undefined : 'notify';
}
