// Runs a program of the host to its end, such as systemctl(1).
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

import { AbortError, JailError } from '../../errors.ts';

export interface HostResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** Ends the program. A restart waits for the service as long as its TimeoutStartSec= lasts, and that can be for ever. */
  readonly signal?: AbortSignal | undefined;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

// Ctrl-C reaches the whole process group. A child that was forked just before it is not in its own session yet: it dies of the signal
// before it runs the program. So the program is run again, as an undo must not fail of the signal that began it.
const ofTerminal = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

const ofSystemd = /^(systemctl|journalctl|systemd-\w+)$/;

/** Runs it with an environment of PATH and the C locale. @throws JailError ENOENT if it is not installed; AbortError */
export async function runHost(
  program: string,
  words: readonly string[],
  options: HostOptions = {},
  attempts = 3,
): Promise<HostResult> {
  const { variables, signal } = options;
  const env = { PATH: path, LC_ALL: 'C.UTF-8', ...variables };
  // In a session of its own: Ctrl-C is for this process alone, which then leaves nothing half done.
  const child = spawn(program, words, { env, signal, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'unknown'));
    child.once('close', (status, name) => resolve(status ?? name ?? 'unknown'));
  });
  // a stream that was closed early has no text
  const said = [child.stdout, child.stderr].map((stream) => text(stream).catch(() => ''));
  const [status, stdout = '', stderr = ''] = await Promise.all([ended, ...said]);
  if (typeof status === 'number') return { status, stdout, stderr };
  if (signal?.aborted === true) throw new AbortError(`${program} was not waited for`, signal);
  if (ofTerminal.has(status) && attempts > 1) return runHost(program, words, options, attempts - 1);
  throw new JailError(
    `${program} could not be run: ${status === 'ENOENT' ? 'it is not installed' : status}`,
    {
      code: status === 'ENOENT' ? 'ENOENT' : 'ERR_SERVICE',
      hint:
        status === 'ENOENT' && ofSystemd.test(program)
          ? 'it is a part of systemd: apt-get install systemd'
          : undefined,
    },
  );
}

/** The same for a command that must succeed. @throws JailError ERR_SERVICE with the command's own message */
export async function mustRun(...given: Parameters<typeof runHost>): Promise<string> {
  const [program, words] = given;
  const { status, stdout, stderr } = await runHost(...given);
  if (status === 0) return stdout;
  const [said = ''] = (stderr.trim() || stdout.trim()).split('\n');
  throw new JailError(`${program} ${words.join(' ')}: ${said || `status ${status}`}`, {
    code: 'ERR_SERVICE',
  });
}
