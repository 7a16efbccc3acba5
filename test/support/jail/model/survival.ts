// The model that the builder is held against: the data that must survive work on a jail.

import { DATA, type Tree, withoutLinkOwner } from './tree.ts';

/** The object that the builder has last put at a path. */
export type Put = Map<string, string>;

export interface Work {
  readonly before: Tree;
  readonly after: Tree;
  /** The object that it would put there. */
  readonly host: Tree;
  readonly put: Put;
  readonly replace: readonly string[];
  /** All data were gone, which the service itself cannot do: they begin anew, in this run or in one that was killed before. */
  readonly isBegun: boolean;
  /** Whether it came to its end, without an error. */
  readonly isDone: boolean;
}

/** The paths that differ from the plan after finished work, without those that it says to have left. */
export function notTold(
  { after, host }: Work,
  left: readonly { readonly path: string }[],
): readonly string[] {
  return [...host]
    .filter(([path, line]) => withoutLinkOwner(after.get(path) ?? '') !== line)
    .map(([path]) => path)
    .filter((path) => !left.some((told) => path === told.path || path.startsWith(`${told.path}/`)));
}

/** The faults after work on a jail, a line for each path. It also brings `put` up to date. */
export function judgeWork(work: Work): string[] {
  const { before, after, host, put } = work;
  const wrong = [...new Set([...before.keys(), ...after.keys(), ...host.keys()])].flatMap((path) => {
    const words = wrongAt(path, work);
    return words === undefined
      ? []
      : [
          `${path}: ${words}; before ${before.get(path)}, after ${after.get(path)}, host ${host.get(path)}, put ${put.get(path)}`,
        ];
  });
  for (const [path, line] of after) if (line !== before.get(path)) put.set(path, line);
  for (const path of put.keys()) if (!after.has(path)) put.delete(path);
  return wrong;
}

function wrongAt(
  path: string,
  { before, after, host, put, replace, isBegun, isDone }: Work,
): string | undefined {
  const [old, now, planned] = [before.get(path), after.get(path), host.get(path)];
  const isNamed = replace.some((named) => path === named || path.startsWith(`${named}/`));
  if (isNamed) return undefined;
  const isUntouched = old === undefined || old === put.get(path);
  if (now !== old && now !== planned && now !== undefined) return 'neither what it was nor what is planned';
  if (isData(path)) {
    const isMissing = old === undefined && isBegun;
    return now === old || isMissing ? undefined : 'data of the service have changed';
  }
  if (!isUntouched && now !== old && !isWorthless(path, before, host, put))
    return 'what was changed in the jail is lost';
  if (!isDone || !isUntouched) return undefined;
  return isFree(path, before, put) && now !== planned
    ? 'what nobody has touched is not up to date'
    : undefined;
}

function isData(path: string): boolean {
  return path === DATA || path.startsWith(`${DATA}/`);
}

/** A link that was there before the builder is told, and replaced; so is a file that has the same content. */
function isWorthless(path: string, before: Tree, host: Tree, put: Put): boolean {
  const [old = '', planned = ''] = [before.get(path), host.get(path)];
  if (put.has(path)) return false;
  const isSameContent =
    old.startsWith('file ') && planned.startsWith('file ') && old.split(' ')[3] === planned.split(' ')[3];
  return planned !== '' && (old.startsWith('link ') || isSameContent);
}

/** Whether all above a path, and all below it, is as the builder has put it, and nobody else may write there. */
function isFree(path: string, before: Tree, put: Put): boolean {
  return [...before].every(([other, line]) => {
    const isAbove = path.startsWith(`${other}/`);
    if (!isAbove && !other.startsWith(`${path}/`) && other !== path) return true;
    return (
      line === put.get(other) &&
      (line.startsWith('link ') || (/ 0:\d+/.test(line) && !/ \d*[2367]\d? /.test(line)))
    );
  });
}
