// Runs a program of the host to its end, such as systemctl(1).
import { execFile } from 'node:child_process';

import { JailError } from '../../errors.ts';

export interface HostResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

// A restart waits for the service, for as long as its TimeoutStartSec= lasts. That can be for ever.
const mostBytes = 64 * 2 ** 20;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs it with an environment of PATH and the C locale. @throws JailError ENOENT if it is not installed */
export function runHost(
  program: string,
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<HostResult> {
  const env = { PATH: path, LC_ALL: 'C.UTF-8', ...variables };
  return new Promise((resolve, reject) => {
    execFile(program, words, { env, maxBuffer: mostBytes }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === 'number') return resolve({ status, stdout, stderr });
      const reason = status === 'ENOENT' ? 'it is not installed' : String(status ?? error?.signal);
      return reject(
        new JailError(`${program} could not be run: ${reason}`, {
          code: status === 'ENOENT' ? 'ENOENT' : 'ERR_SERVICE',
          hint: status === 'ENOENT' ? 'it is a part of systemd, which this command needs' : undefined,
        }),
      );
    });
  });
}

/** The same for a command that must succeed. @throws JailError ERR_SERVICE with what it has said */
export async function mustRun(program: string, words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runHost(program, words);
  if (status === 0) return stdout;
  const [said = ''] = (stderr.trim() || stdout.trim()).split('\n');
  throw new JailError(`${program} ${words.join(' ')}: ${said || `status ${status}`}`, {
    code: 'ERR_SERVICE',
  });
}
