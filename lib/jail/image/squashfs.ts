// Makes a squashfs of an archive, by sqfstar(1) of squashfs-tools.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';

import { JailError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { bySudo } from '../../words/shell-word.ts';

/**
 * Writes it to a descriptor. The same archive gives the same bytes, by one version of squashfs-tools.
 * @param timeS of the file system, in seconds since 1970
 * @throws JailError ERR_MISSING without squashfs-tools, EIO if it fails; whatever `parts` throws
 */
export async function writeSquashfs(
  parts: AsyncIterable<Uint8Array>,
  fd: number,
  timeS: number,
): Promise<void> {
  const time = String(timeS);
  // The archive has no root directory. Without a mode for it, everybody could write there.
  const root = ['-root-mode', '0755', '-root-uid', '0', '-root-gid', '0', '-root-time', time];
  const words = ['-quiet', '-no-progress', '-force', '-comp', 'zstd', '-mkfs-time', time, ...root];
  const child = spawn('sqfstar', [...words, '/proc/self/fd/3'], {
    stdio: ['pipe', 'ignore', 'pipe', fd],
    // It refuses both SOURCE_DATE_EPOCH and a time.
    env: { LC_ALL: 'C', PATH: process.env['PATH'] },
  });
  const told: Buffer[] = [];
  child.stderr?.on('data', (data: Buffer) => told.push(data));
  if (child.stdin === null) throw new Error('a pipe was asked for');
  const [piped, ended] = await Promise.allSettled([pipeline(parts, child.stdin), once(child, 'close')]);
  if (ended.status === 'rejected') throw missing(ended.reason as NodeJS.ErrnoException);
  const [status]: unknown[] = ended.value;
  const hasFailedItself = piped.status === 'rejected' && piped.reason.code === 'EPIPE';
  if (piped.status === 'rejected' && !hasFailedItself) throw piped.reason;
  if (status !== 0 || hasFailedItself)
    throw new JailError(
      `sqfstar: ${quote(Buffer.concat(told).toString().trim().split('\n').slice(-2).join('; ') || 'it was ended')}`,
      { code: 'EIO' },
    );
}

function missing(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT') return error;
  return new JailError('sqfstar, which makes a squashfs, is in none of the directories of PATH', {
    code: 'ERR_MISSING',
    path: 'sqfstar',
    hint: bySudo('apt-get install squashfs-tools'),
  });
}
