// Named pipes that somebody outside may be reading.

import { commandLine, decision } from '../command.ts';
import { unmounted } from '../remedy.ts';
import { hostPath, type Rule } from '../rule.ts';

export const hostFifo: Rule = {
  id: 'host-fifo',
  group: 'escape',
  severity: 'warning',
  summary:
    'There is a named pipe that a process outside of the jail has open, or one that root has made and others can write to.',
  attack:
    'What is written to it is read on the other side, which need not be jailed: /dev/initctl takes orders for init, and ' +
    'what reads a pipe as root trusts what comes out of it (fifo(7)).',
  remedy: '# stop who reads it, or take it away: rm FIFO',
  lookAt: ({ path, kind, uid, mode, isMounted }, jail) => {
    if (kind !== 'fifo') return undefined;
    const at = hostPath(jail, path);
    const holder = jail.pipesOutside().get(at);
    if (holder === undefined && !isMounted && (uid !== 0 || (mode & 0o022) === 0)) return undefined;
    return {
      path,
      message: messageOf(holder, isMounted),
      remedy: isMounted
        ? unmounted(at)
        : decision(`stop who reads it, or take it away: ${commandLine('rm', at)}`),
    };
  },
};

function messageOf(holder: string | undefined, isMounted: boolean): string {
  if (isMounted) return 'it is a named pipe of the host, mounted here';
  if (holder !== undefined) return `${holder}, outside of the jail, has this named pipe open`;
  return 'root has made this named pipe, and others can write to it';
}
