// Socket files whose program has gone.
import { lstatSync } from 'node:fs';

import { native } from '../../native.ts';
import { errorCode } from '../../words/system-error.ts';

/** Whether nobody has the socket of a file any more: a server was killed, or has given its socket another name, as haproxy does. */
export function isDeadSocket(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  try {
    native.closeDescriptor(native.connectDatagram(path));
    return false;
  } catch (error) {
    // a listener of streams answers EPROTOTYPE (unix(7))
    return errorCode(error) === 'ECONNREFUSED';
  }
}
