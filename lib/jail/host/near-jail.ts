// Finds the jail that was meant by a path in it, or by the directory that it lies in.
import { existsSync, readdirSync, realpathSync } from 'node:fs';

import {
  type BytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  toLatin1,
} from '../../tree/path.ts';
import { STORE } from '../manifest/layout.ts';
import { lookOr } from '../work/jail-error.ts';

/** Whether a directory looks like one that uchroot-jail has built. */
function isBuilt(directory: BytePath): boolean {
  return existsSync(pathBytes(`${directory}${STORE}` as BytePath));
}

/** The jail around an absolute path of the host, and the path as the jail has it, without links above its last component. */
export function jailAround(
  path: BytePath,
): { readonly jail: BytePath; readonly inside: BytePath } | undefined {
  for (let jail = parentPath(path); jail !== '/'; jail = parentPath(jail)) {
    if (!isBuilt(jail)) continue;
    const [top, above] = [jail, parentPath(path)].map((each) =>
      lookOr(each, () => toLatin1(realpathSync(pathBytes(each), 'buffer'))),
    ) as [BytePath, BytePath];
    const whole = joinPath(isWithin(above, top) ? above : parentPath(path), lastComponent(path));
    return { jail, inside: whole.slice((isWithin(above, top) ? top : jail).length) as BytePath };
  }
  return undefined;
}

/** A hint for a directory that is no jail: the jail around it, or those directly in it; undefined if there is none. */
export function nearJailHint(directory: BytePath): string | undefined {
  const around = jailAround(directory);
  if (around !== undefined) return `did you mean ${showPath(around.jail)}?`;
  const names = lookOr([], () => readdirSync(pathBytes(directory), 'buffer')).map(toLatin1);
  const jails = names.map((name) => joinPath(directory, name)).filter(isBuilt);
  const shown = jails.slice(0, 5).map(showPath);
  if (shown.length < 2) return shown[0] && `did you mean ${shown[0]}?`;
  return `name one jail, such as ${shown.join(' or ')}`;
}
