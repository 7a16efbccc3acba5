import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';

import t from 'tap';

import { signalName, signalNumber, signalToSend } from '../../../lib/launch/request/signal.ts';
import { UsageError } from '../../../lib/errors.ts';

t.test('a signal has the name that child_process gives it', async (t) => {
  for (const number of [constants.signals.SIGABRT, constants.signals.SIGIO, constants.signals.SIGTERM]) {
    const { signal } = spawnSync('/bin/sh', ['-c', `kill -${number} $$`], { env: {} });
    t.equal(signalName(number), signal);
  }
  t.equal(signalName(34), 'SIGRTMIN+0');
});

t.test('a number or a name is one signal, or an error', async (t) => {
  t.equal(signalNumber(15, 'killSignal'), 15);
  t.equal(signalNumber('SIGIOT', 'killSignal'), 6);
  for (const bad of [65, -1, 1.5, 'TERM', 'toString', undefined])
    t.throws(() => signalNumber(bad, 'killSignal'), UsageError);
});

t.test('an init gets each signal but SIGSTOP', async (t) => {
  const bare = { isolate: false, unshare: [], net: undefined };
  t.equal(signalToSend('SIGSTOP', bare), 19);
  t.throws(() => signalToSend('SIGNONE', bare), UsageError);
  for (const request of [
    { ...bare, isolate: true },
    { ...bare, unshare: ['pid' as const] },
  ]) {
    for (const stop of ['SIGSTOP', 19])
      t.throws(() => signalToSend(stop, request), { name: 'UsageError', hint: "write kill('SIGTSTP')" });
    t.equal(signalToSend('SIGTSTP', request), 20);
  }
  t.equal(signalToSend('SIGSTOP', { ...bare, unshare: ['net'] }), 19);
});
