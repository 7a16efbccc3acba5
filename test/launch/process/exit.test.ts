import t from 'tap';

import { toExit, toLineError } from '../../../lib/launch/process/exit.ts';

const usage = {
  userCpuMs: 1,
  systemCpuMs: 2,
  minorFaults: 3,
  majorFaults: 4,
  blockInputs: 5,
  blockOutputs: 6,
};
const switches = { voluntarySwitches: 7, involuntarySwitches: 8 };
const exit = (signal: number | null, peakBytes: number, cpuUs: number, cpuNs: number) =>
  toExit(signal === null ? 3 : null, signal, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, peakBytes, cpuUs, cpuNs, 11);

t.test('an exit has the numbers of the addon by name', async (t) => {
  t.strictSame(exit(null, 4096, 1500, -1), {
    exitCode: 3,
    signal: null,
    usage: { ...usage, ...switches, peakMemoryBytes: 4096, totalCpuMs: 1.5 },
  });
  t.match(exit(15, 0, 0, -1), {
    exitCode: null,
    signal: 'SIGTERM',
    usage: { peakMemoryBytes: 0, totalCpuMs: 0 },
  });
});

t.test('processor time comes from whatever the kernel has counted it by', async (t) => {
  t.equal(exit(null, -1, -1, 2_500_000).usage.totalCpuMs, 2.5);
  t.equal(exit(null, -1, -1, 0).usage.totalCpuMs, 0);
  t.equal(exit(null, -1, 1500, 2_500_000).usage.totalCpuMs, 1.5);
});

t.test('what is not known is left out', async (t) => {
  t.strictSame(exit(null, -1, -1, -1).usage, { ...usage, ...switches });
});

t.test('a line that was too long is the limit, unless another one came before', async (t) => {
  const program = { spawnfile: '/bin/yes', pid: 5 };
  const ended = exit(15, -1, -1, -1);
  const error = toLineError(program, ended, 7);
  t.match(error, {
    name: 'ExitError',
    message: '/bin/yes: it wrote a line of more than 16 MiB and was stopped',
    code: 'ERR_MAX_BUFFER',
    signal: 'SIGTERM',
    stdout: '',
    stderr: '',
    pid: 5,
    durationMs: 7,
    limit: 'output',
  });
  t.equal(error.timedOut, false);
  t.equal(error.isCanceled, false);
  t.equal(toLineError(program, { ...ended, limit: 'memory' }, 7).limit, 'memory');
});
