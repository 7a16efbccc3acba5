// Files of rules that are checked, in a directory of their own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Test } from 'tap';

import type { NameLookups } from '../../../lib/tcpwrappers/check/host-checks.ts';
import {
  type CheckFinding,
  checkHosts,
  type HostsCheckOptions,
} from '../../../lib/tcpwrappers/check/hosts-check.ts';
import { makeDirectory } from '../directory.ts';

/** A hosts.deny that refuses everybody. */
export const DENY_ALL = 'ALL: ALL\n';

/** A directory with these files; modes are 0644. */
export function makeFiles(t: Test, files: Readonly<Record<string, string>>): string {
  const directory = makeDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), Buffer.from(text, 'latin1'), { mode: 0o644 });
  }
  return directory;
}

/** Checks rules of a directory of their own. Findings are shown as `allow:1:7 rule`, those of a file without a line as `allow rule`. */
export async function check(
  t: Test,
  files: { readonly allow?: string; readonly deny?: string } & Readonly<Record<string, string>>,
  options: HostsCheckOptions = {},
  nameLookups?: NameLookups,
): Promise<{
  readonly shown: readonly string[];
  readonly findings: readonly CheckFinding[];
  directory: string;
}> {
  const directory = makeFiles(t, { ...files, root: '' });
  const own = {
    allow: Buffer.from(join(directory, 'allow')),
    deny: Buffer.from(join(directory, 'deny')),
    root: makeFiles(t, {}),
    lookups: nameLookups !== undefined,
    daemons: ['sshd', 'in.ftpd', 'vsftpd'],
  };
  const findings = await checkHosts({ ...own, ...options }, nameLookups);
  const shown = findings.map(({ file, line, column, rule }) => {
    const place = [file.replace(`${directory}/`, ''), line, column].filter((part) => part !== undefined);
    return `${place.join(':')} ${rule}`;
  });
  return { shown, findings, directory };
}
