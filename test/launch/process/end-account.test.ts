import t from 'tap';

import type { ProgramEnd } from '../../../lib/native.ts';
import { accountLine, toAccount, withLimit } from '../../../lib/launch/process/end-account.ts';
import { noAccount, noUsage } from '../../support/usage.ts';

const end = (more: Partial<ProgramEnd> = {}): ProgramEnd => ({
  exitCode: 0,
  signalNumber: null,
  usage: noUsage,
  ...more,
});
const facts = { limit: undefined, message: undefined, isStopped: false, wallMs: 0 };
const killed = end({ exitCode: null, signalNumber: 9 });

t.test('the account of a program that nothing has counted', async (t) => {
  t.strictSame(toAccount(end(), facts), noAccount);
});

t.test('the status tells a limit of time, a signal, and another exit status apart', async (t) => {
  const statusOf = (one: ProgramEnd, more: Partial<Parameters<typeof toAccount>[1]> = {}) =>
    toAccount(one, { ...facts, ...more }).status;
  t.equal(statusOf(end({ exitCode: 3 })), 'RE');
  t.equal(statusOf(killed), 'SG');
  t.equal(statusOf(end({ exitCode: null })), 'XX', 'other code has taken it');
  for (const limit of ['time', 'cpu time'] as const) t.equal(statusOf(killed, { limit }), 'TO');
  t.equal(statusOf(killed, { limit: 'pids', isStopped: true }), 'TO', 'a fork bomb waits');
  t.equal(statusOf(end({ exitCode: 1 }), { limit: 'pids' }), 'RE');
});

t.test('what a cgroup and an init have counted is there, in the units of the file', async (t) => {
  const usage = { ...noUsage, userCpuMs: 1, totalCpuMs: 1500, peakMemoryBytes: 2049, blockInputs: 3 };
  const counted = {
    oomKills: 0,
    refusedForks: 2,
    allUserMs: 1000,
    allSystemMs: 500,
    largestKib: 7,
    isLeft: true,
  };
  t.match(toAccount(end({ usage, ...counted }), { ...facts, wallMs: 2000.5 }), {
    time: 1.5,
    'time-user': 1,
    'time-system': 0.5,
    'time-of': 'all processes',
    'time-wall': 2.0005,
    'disk-read': 1536,
    'max-rss': 7,
    'cg-mem': 2,
    'cg-oom-killed': 0,
    'refused-forks': 2,
    'left-behind': 1,
  });
  t.notOk('cg-oom-killed' in toAccount(end({ oomKills: -1 }), facts), 'without a limit of memory');
});

t.test('run() knows limits of its own, which hide none that was there before', async (t) => {
  const signalled = toAccount(killed, facts);
  t.match(withLimit(signalled, 'output', 'too much').account, {
    status: 'SG',
    limit: 'output',
    message: 'too much',
    killed: 1,
  });
  t.match(withLimit(noAccount, 'time', 'late').account, {
    status: 'TO',
    limit: 'time',
    exitcode: 0,
    killed: 0,
  });
  const before = toAccount(killed, { ...facts, limit: 'memory', message: 'it was' });
  t.equal(withLimit(before, 'output', 'too much').account, before);
  t.strictSame(withLimit(noAccount, undefined, undefined), { account: noAccount });
});

t.test('an account is one line for people', async (t) => {
  t.match(accountLine(noAccount), /^status="OK" exitcode=0 killed=0 time=0 .* time-of="processes that were /);
});
