// Finds wait services whose program asks the rules in its jail, where no rules are: everybody is let in.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { bytePath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { UsageError } from '../errors.ts';
import type { NormalRequest } from '../launch/request/request.ts';
import { quote } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { openWrapped } from '../tcpwrappers/daemon/daemon-host.ts';
import { isWrapper } from '../tcpwrappers/daemon/wrapped-daemon.ts';
import type { ServiceSettings } from './serve-request.ts';

const FILES = ['/etc/hosts.allow', '/etc/hosts.deny'].map(bytePath);

// Whether a mount of the launch brings the files.
const isMounted = ({ view }: NormalRequest): boolean =>
  view.some(({ target }) => ['/', '/etc', ...FILES].includes(bytePath(target)));

/** The warning; undefined if the program asks no rules, or has some, or if the host has none either. */
export function findUnruled({ wait, normalLaunch }: ServiceSettings): UsageError | undefined {
  const { program, jail } = normalLaunch;
  const ofHost = FILES.filter((file) => existsSync(file));
  if (!wait || program === undefined || ofHost.length === 0 || isMounted(normalLaunch)) return undefined;
  try {
    const root = openFileRoot(jail);
    try {
      const path = bytePath(program);
      const asks = isWrapper(path) || openWrapped(root)(path) === 'yes';
      if (!asks || FILES.some((file) => root.lstat(file) !== undefined)) return undefined;
    } finally {
      root.close();
    }
  } catch {
    return undefined; // the launch tells what is wrong with the jail
  }
  return new UsageError(
    `${quote(program)} asks the rules of its jail, which has neither hosts.allow nor hosts.deny: everybody is let in`,
    { hint: commandLine('install', '-D', '-m', '644', '-t', join(jail.toString(), 'etc'), ...ofHost) },
  );
}
