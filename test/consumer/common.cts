// What a CommonJS module that uses the package expects of its types.
import type { Readable } from 'node:stream';

import uchroot = require('uchroot');
import { ExitError, openJail, spawnInJail } from 'uchroot';
import tcpwrappers = require('uchroot/tcpwrappers');

const base: uchroot.LaunchRequest = { user: 'sam', jail: '/srv/jail' };

async function use(): Promise<readonly [string, Buffer, Readable, string]> {
  const { stdout } = await uchroot.runInJail({ ...base, program: '/bin/ls' });
  await using jail = await openJail('/srv/jail', { user: 'sam', encoding: 'buffer' });
  const bytes = await jail.run();
  const child = await spawnInJail(base);
  const decision = await tcpwrappers.hostsAccess({ daemon: 'reports', client: { address: '192.0.2.1' } });
  return [stdout, bytes.stdout, child.stdout, decision.verdict];
}

use().catch((error: unknown) => {
  if (!(error instanceof ExitError)) throw error;
  process.exitCode = error.exitCode ?? 1;
});
