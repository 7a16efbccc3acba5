// A job is a program in a jail: it reads its data as JSON from standard input, and writes lines of JSON to standard output:
// {"progress": 50} as often as it likes, and {"result": …} once.
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { openJail } from 'uchroot';

const mostOutputBytes = 10 * 1024 * 1024;

/** A job that would fail again: it has reached a limit. BullMQ knows errors of this name, and does not try the job again. */
export class LimitError extends Error {
  name = 'UnrecoverableError';
}

// What each job may use with all its processes. doc/untrusted.md has the other options of `untrusted`.
const limits = {
  memory: '256M',
  pids: 64,
  cpu: 1,
  cpuTime: 10,
  timeoutMs: Number(process.env.JOB_TIMEOUT_MS ?? 30_000),
};

/** Opens the jail for jobs. `own`: other limits, and other keys of openJail(). */
export async function openJobs(directory, own = {}) {
  const jail = await openJail(directory, { untrusted: true, ...limits, ...own });
  /** Runs one job and resolves with its result. Rejects with LimitError, or with another Error if trying again may help. */
  const run = (job, { onProgress = () => {}, signal } = {}) => runJob(jail, job, onProgress, signal);
  return {
    run,
    /** The processor of a BullMQ worker. */
    process: (job, _token, signal) =>
      run(job.data, { onProgress: (progress) => job.updateProgress(progress), signal }),
    close: () => jail.close(),
  };
}

async function runJob(jail, { program, args = [], data = null }, onProgress, signal) {
  const child = await jail.spawn({ program, args, signal, stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    return await follow(child, { program, data }, onProgress);
  } finally {
    child.kill('SIGKILL'); // it runs on if the progress could not be told
    await child.exited;
  }
}

async function follow(child, { program, data }, onProgress) {
  const closed = once(child, 'close');
  child.stdin.on('error', () => {}); // a program may end without reading its data
  child.stdin.end(JSON.stringify(data));
  const output = { bytes: 0, errors: '', result: undefined };
  child.stderr.on('data', (chunk) => (output.errors = (output.errors + chunk).slice(-2000)));
  child.stdout.on('data', (chunk) => {
    output.bytes += chunk.length;
    if (output.bytes > mostOutputBytes) child.kill('SIGKILL');
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const said = readLine(line);
    if (said.progress !== undefined) await onProgress(said.progress);
    if ('result' in said) output.result = said.result;
  }
  await closed;
  const { exitCode, signal: killedBy, limit } = await child.exited;
  if (output.bytes > mostOutputBytes) throw new LimitError('the limit of output is reached');
  if (limit !== undefined) throw new LimitError(`the limit of ${limit} is reached`);
  if (exitCode !== 0) throw new Error(`${program}: ${killedBy ?? `status ${exitCode}`}: ${output.errors}`);
  return output.result;
}

// What the program writes is not trusted: a line that is no JSON object says nothing.
function readLine(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}
