// Where a service finds node and uchroot after this version of node is gone.
import { readdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

import { wayTo } from '../../launch/host/host-ways.ts';
import { caller, waySeenBy } from '../../trust/owner.ts';
import { judgeWay } from '../../trust/way.ts';
import { bytePath, showPath } from '../../tree/path.ts';
import { toBuffer } from '../../words/quote.ts';
import { lookOr } from '../../words/system-error.ts';

// As in v20.20.2; a path with `20` alone stays for all its versions.
const version = /(?<=\/)[^/]*\d\.\d[^/]*(?=\/)/;

// fnm makes a link for each shell there, which ends with it.
const inMemory = /^\/(?:run|tmp|var\/run|dev\/shm)\/|\/fnm_multishells\//;

const rank = (path: string): number => 2 * Number(inMemory.test(path)) + Number(version.test(path));

/** Whether a path ends with this version of node, or with this shell. */
export const isPassing = (path: string): boolean => rank(path) > 0;

// Links of node managers lie beside the versions (mise), in `aliases` (fnm), or above them (`current` of nvm).
function nearLinks(path: string): readonly string[] {
  const found = version.exec(path);
  if (found === null) return [];
  const top = path.slice(0, found.index - 1);
  const rest = path.slice(found.index + found[0].length + 1);
  const places = [top, dirname(top), `${dirname(top)}/aliases`, dirname(dirname(top))];
  const links = places.flatMap((place) =>
    lookOr([], () => readdirSync(place, { withFileTypes: true }))
      .filter((entry) => entry.isSymbolicLink())
      .map(({ name }) => `${place}/${name}`),
  );
  // that of fnm leads to a directory in that of the version
  return links.flatMap((link) => [`${link}/${rest}`, `${link}/${rest.replace(/^[^/]*\//, '')}`]);
}

/** Why another user could put another program at a path, in words about a directory or link on the way to it; undefined if nobody could. */
export function replaceable(path: string): string | undefined {
  const [found] = judgeWay(waySeenBy(caller(), wayTo(bytePath(path))), []);
  return found && `${showPath(bytePath(toBuffer(found.component.path)))} ${found.how}`;
}

/**
 * The path of the same file or directory that stays longest: without a version, if there is one. Those of `others` that lead there count
 * too. A path by which another user could give the unit another program comes last.
 */
export function stablePath(path: string, others: readonly string[] = []): string {
  const real = lookOr(path, () => realpathSync(path));
  const isSame = (one: string): boolean =>
    one.startsWith('/') && lookOr(undefined, () => realpathSync(one)) === real;
  const all = [...others, path, real];
  const same = [...all, ...[path, real].flatMap(nearLinks)].filter(isSame);
  const safe = same.filter((one) => replaceable(one) === undefined);
  return (safe.length > 0 ? safe : same).toSorted((one, other) => rank(one) - rank(other))[0] ?? path;
}

/** The path of the node of this process. It stays the same when a new version replaces the running one, if there is such a path. */
export function nodePath(): string {
  const candidates = (process.env.PATH ?? '').split(':').map((directory) => `${directory}/node`);
  return stablePath(process.execPath, candidates);
}
