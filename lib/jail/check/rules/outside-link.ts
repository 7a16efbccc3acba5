// Files that are in the jail and outside of it at once.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const outsideLink: Rule = {
  id: 'outside-link',
  group: 'escape',
  severity: 'error',
  summary: 'A file has a name outside of the jail as well.',
  attack:
    'What is written to it in the jail is written outside: a hard link is the file itself, with its content, owner and ' +
    'mode, and no root directory stands in between (link(2); protected_hardlinks in proc_sys_fs(5)).',
  remedy: 'cp -a --remove-destination FILE FILE.new && mv FILE.new FILE',
  look: (jail) =>
    jail.seen.namedElsewhere().map(({ path, nlink, met, uid }) => {
      const at = hostPath(jail, path);
      const copy = `${at}.new`;
      return {
        path,
        uid,
        message: `it has ${nlink} names, ${nlink - met} of them outside of the jail`,
        remedy: `${commandLine('cp', '-a', '--remove-destination', at, copy)} && ${commandLine('mv', copy, at)}`,
      };
    }),
};
