import t from 'tap';

import { toExit, toLineError } from '../../../lib/launch/process/exit.ts';
import { noAccount } from '../../support/usage.ts';

const usage = {
  userCpuMs: 1,
  systemCpuMs: 2,
  minorFaults: 3,
  majorFaults: 4,
  blockInputs: 5,
  blockOutputs: 6,
  voluntarySwitches: 7,
  involuntarySwitches: 8,
};

t.test('an exit has the name of the signal', async (t) => {
  t.strictSame(toExit({ exitCode: 3, signalNumber: null, usage, oomKills: 1 }), {
    exitCode: 3,
    signal: null,
    usage,
  });
  t.strictSame(toExit({ exitCode: null, signalNumber: 15, usage }), {
    exitCode: null,
    signal: 'SIGTERM',
    usage,
  });
});

t.test('a line that was too long is the limit, unless another one came before', async (t) => {
  const program = { spawnfile: '/bin/yes', pid: 5 };
  const ended = { ...toExit({ exitCode: null, signalNumber: 15, usage }), account: noAccount };
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
