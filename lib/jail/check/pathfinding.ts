// What is wrong with the way to a jail, as findings of the rules that are about it.

import { bytePath, showPath } from '../../binary/path.ts';
import { remedyOf, type WayFinding } from '../../trust/way.ts';
import { commandLine, decision } from './command.ts';
import type { Fix, Found } from './finding.ts';
import type { CheckedJail } from './jail.ts';

/** Above the jail it may be somebody's home: only the jail itself is put right by --fix. */
export function toFound(finding: WayFinding, { directory }: Pick<CheckedJail, 'directory'>): Found {
  const { component, isEnd, kind, how } = finding;
  const at = bytePath(component.path);
  return {
    path: isEnd ? bytePath('/') : at,
    message: isEnd ? `the jail ${how}` : `${showPath(at)}, above the jail, ${how}`,
    remedy: kind === 'link' ? commandLine('uchroot-jail', 'check', directory) : remedyFor(finding),
    ...(isEnd && kind !== 'host-root' && { fixes: fixesOf(component) }),
  };
}

function remedyFor(finding: WayFinding): string {
  const command = remedyOf(finding, commandLine(bytePath(finding.component.path)));
  return finding.kind === 'owner' && !finding.isEnd
    ? decision(`move the jail to where all is root's, or, if nobody else needs it: ${command}`)
    : command;
}

function fixesOf({ uid, mode }: WayFinding['component']): readonly Fix[] {
  const owner: readonly Fix[] = uid === 0 ? [] : [{ kind: 'owner', uid: 0, gid: 0 }];
  return (mode & 0o022) === 0 ? owner : [...owner, { kind: 'mode', clear: 0o022 }];
}
