// Configuration that is no longer what was built.

import { type BytePath, bytePath, joinPath, showPath } from '../../../binary/path.ts';
import { commandLine, decision } from '../command.ts';
import type { Entry } from '../entry.ts';
import type { CheckedJail } from '../jail.ts';
import { hostPath, type Rule } from '../rule.ts';
import { changeOf, isConfiguration } from './changed.ts';

export const edited: Rule = {
  id: 'edited',
  group: 'tamper',
  severity: 'warning',
  summary: 'A file of /etc was edited since the jail was built.',
  attack:
    'It may be the work of the administrator, which update keeps; or a line in nginx.conf, sshd_config or ld.so.conf with ' +
    'which somebody has made room for himself (CWE-15). If it is wanted, ignore it: --ignore edited:PATH.',
  remedy: '# compare them, and ignore it if it is wanted (--ignore edited:PATH): diff HOST-FILE JAIL-FILE',
  lookAt: (entry, jail) => {
    const found = changeOf(entry, jail);
    if (found === undefined || !isConfiguration(entry)) return undefined;
    // no fix: what was edited by hand cannot be had again
    const remedy = decision(
      `ignore it if it is wanted, --ignore edited:${showPath(entry.path)}; ${comparison(entry, jail)}`,
    );
    return { path: found.path, message: found.message, remedy };
  },
};

function comparison({ path, recorded }: Entry, jail: CheckedJail): string {
  const source = recorded?.source;
  if (source === undefined) return 'the builder wrote it, and nothing on the host is the same';
  const from = joinPath(jail.manifest?.recipe.from ?? bytePath('/'), source.slice(1) as BytePath);
  return `compare them: ${commandLine('diff', from, hostPath(jail, path))}`;
}
