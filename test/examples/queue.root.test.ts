// doc/jobs.md: jobs of a queue on a real Redis server, and the same jobs without one, each in a jail.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import t from 'tap';

import { uchrootJail } from '../support/builder.ts';
import { commandEnv, searchPath, temporaryDirectory } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';
import { eventually, programsOf, text } from '../support/service.ts';
import { patientMs } from '../support/patience.ts';

const skip = unlessRoot('redis-server');
const place = skip === false ? temporaryDirectory() : '/';
const jail = `${place}/jail`;
const examples = join(import.meta.dirname, '../../../examples/queue');
const limit = { skip };

const bash = (script: string, data: unknown = null) => ({ program: '/bin/bash', args: ['-c', script], data });
const answer = 'read -r data; echo \'{"progress": 50}\'; echo "{\\"result\\": $data}"';
const bomb = 'a=x; while :; do a=$a$a; done';
const flood = 'while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done';

function node(script: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(examples, script), ...args], {
    env: { ...commandEnv, JOB_TIMEOUT_MS: String(patientMs(30_000)) },
  });
}

async function outcomesOf(child: ChildProcess, jobs: readonly unknown[]) {
  child.stdin?.end(JSON.stringify(jobs));
  const ended = once(child, 'exit');
  const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  t.same(await ended, [0, null], errors);
  return said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { job: number | string; [key: string]: unknown });
}

// The cgroups of a worker's jobs have its pid in their names.
const cgroupsOf = ({ pid }: ChildProcess): string =>
  spawnSync('find', ['/sys/fs/cgroup', '-name', `uchroot-*-${pid}-*`], { encoding: 'utf8' }).stdout;

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, 'bash', 'sleep']);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/tmp`, { recursive: true });
});

t.test('without a queue: results and limits, and nothing is left', limit, async (t) => {
  const jobs = [
    bash(answer, [1, 2]),
    bash(bomb),
    bash(flood),
    bash('sleep 60 & exit 3'),
    bash('echo "["; echo 1'),
  ];
  const local = node('local.mjs', jail, '3');
  const outcomes = await outcomesOf(local, jobs);
  t.same(
    outcomes.toSorted((a, b) => Number(a.job) - Number(b.job)),
    [
      { job: 0, result: [1, 2] },
      { job: 1, error: 'the limit of memory is reached' },
      { job: 2, error: 'the limit of output is reached' },
      { job: 3, error: '/bin/bash: status 3: ' },
      { job: 4 },
    ],
  );
  t.same(programsOf(local.pid), []);
});

t.test('a job whose progress cannot be told ends, before it is told', limit, async (t) => {
  const { openJobs } = await import(pathToFileURL(join(examples, 'jailed-job.mjs')).href);
  const jobs = await openJobs(jail);
  const onProgress = () => Promise.reject(new Error('no queue'));
  await t.rejects(jobs.run(bash('echo \'{"progress": 1}\'; sleep 60'), { onProgress }), /no queue/);
  t.same(programsOf(process.pid), []);
  jobs.close();
});

t.test('with a queue: a killed worker loses no job and leaves nothing', limit, async (t) => {
  const socket = `${place}/redis.sock`;
  const words = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', place];
  const server = spawn('redis-server', words, { env: { PATH: searchPath }, stdio: 'ignore' });
  t.teardown(() => server.kill());
  t.ok(await eventually(() => existsSync(socket)));
  const worker = async (): Promise<ChildProcess> => {
    const child = node('worker.mjs', socket, jail, '4');
    await once(child.stdout ?? child, 'data');
    return child;
  };
  const [killed, other] = await Promise.all([worker(), worker()]);
  const slow = Array.from({ length: 24 }, (_, index) => bash(`sleep 0.3; ${answer}`, index));
  const submitted = outcomesOf(node('submit.mjs', socket), [...slow, bash(bomb), bash('exit 3')]);
  t.ok(await eventually(() => programsOf(killed.pid).length > 0), 'it works');
  t.ok(await eventually(() => cgroupsOf(killed) !== ''));
  killed.kill('SIGKILL');
  t.ok(await eventually(() => programsOf(killed.pid).length === 0), 'nothing is left of its jobs');
  t.ok(await eventually(() => cgroupsOf(killed) === '', 10_000), 'nor of their cgroups');
  const lines = await submitted;
  const results = lines.filter((line) => 'result' in line).map((line) => line.result);
  t.same(
    results.toSorted((a, b) => Number(a) - Number(b)),
    slow.map((_, index) => index),
  );
  t.ok(lines.some((line) => line.progress === 50));
  const errors = lines.flatMap(({ error }) => (error === undefined ? [] : [error]));
  t.same(new Set(errors), new Set(['/bin/bash: status 3: ', 'the limit of memory is reached']));
  const closed = once(other, 'exit');
  other.kill('SIGTERM');
  t.same(await closed, [0, null], 'it ends when its jobs are done');
  t.same(programsOf(other.pid), []);
});
