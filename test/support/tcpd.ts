// Runs the command uchroot-tcpd as an administrator would.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { plainEnv } from './service.ts';

const tcpd = join(import.meta.dirname, '../../bin/uchroot-tcpd.cjs');

/** Runs the command to its end, without the variables that the test runner sets. */
export function uchrootTcpd(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tcpd, ...words], {
    encoding: 'utf8',
    env: plainEnv(),
  });
  return { status, stdout, stderr };
}
