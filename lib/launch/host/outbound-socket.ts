// The sockets of the host that a program with unix:PATH in its list is connected to.
import { bytePath, pathBytes } from '../../tree/path.ts';
import type { Account } from './account.ts';
import { hostDanger } from './host-danger.ts';
import { wayTo } from './host-ways.ts';

/** For a gate: where the socket of a path is now, or why the program may not come there. @param isAccepted the caller has taken the risk */
export const socketFinder =
  (isAccepted: boolean) =>
  (path: string): Buffer | string => {
    const named = bytePath(path);
    const way = wayTo(named);
    const danger = isAccepted ? undefined : hostDanger(named, true, way);
    if (danger !== undefined) return `it ${danger.how}`;
    const end = way.endsInEntry === true ? way.components.at(-1) : undefined;
    return end === undefined ? 'it is not there' : pathBytes(bytePath(end.path));
  };

/** The ids by which the service dials for a program: a server of the host must not take it for root. Without root they are the same. */
export const dialingIds = ({ uid, gid, groups, outside }: Account): readonly number[] =>
  outside === undefined ? [uid, gid, ...groups] : [];
