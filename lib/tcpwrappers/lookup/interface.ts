// Whether a zone behind an address, such as %eth0, is a network interface.

import { native } from '../../native.ts';

/** Whether there is a network interface of this name, one byte a character (if_nametoindex(3)). */
export function hasInterface(name: string): boolean {
  return native.hasInterface(Buffer.from(name, 'latin1'));
}
