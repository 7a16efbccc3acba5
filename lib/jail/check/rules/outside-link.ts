// Files that are in the jail and outside of it at once.

import { type BytePath, parentPath } from '../../../binary/path.ts';
import { commandLine, decision } from '../command.ts';
import type { Found } from '../finding.ts';
import { hostPath, type Rule } from '../rule.ts';

export const outsideLink: Rule = {
  id: 'outside-link',
  group: 'escape',
  severity: 'error',
  summary: 'A file has a name outside of the jail as well.',
  attack:
    'What is written to it in the jail is written outside: a hard link is the file itself, with its content, owner and ' +
    'mode, and no root directory stands in between (link(2); protected_hardlinks in proc_sys_fs(5)).',
  remedy: 't=$(mktemp -p DIRECTORY) && cp -a FILE "$t" && mv -T "$t" FILE',
  look: function* look(jail): Generator<Found> {
    for (const { path, nlink, met, uid, kind, isOwn } of jail.seen.namedElsewhere())
      yield {
        path,
        uid,
        message: `it has ${nlink} names, ${nlink - met} of them outside of the jail`,
        remedy: kind === 'file' ? parted(hostPath(jail, path)) : decision('take one of its names away'),
        // what lies outside is his as well
        ...(isOwn && { severity: 'warning' }),
      };
  },
};

// A copy takes the place of one name; what lies beside it is not touched.
function parted(at: BytePath): string {
  const temporary = `t=$(${commandLine('mktemp', '-p', parentPath(at))})`;
  return `${temporary} && ${commandLine('cp', '-a', at)} "$t" && mv -T "$t" ${commandLine(at)}`;
}
