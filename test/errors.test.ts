import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { AbortError, ExitError, JailError, LaunchError, UsageError } from '../lib/errors.ts';
import { packageDirectory } from './support/launch.ts';
import { noAccount } from './support/usage.ts';

t.test('the page of the library tells every code of its errors', async (t) => {
  const read = (path: string) => readFileSync(join(packageDirectory, path), 'utf8');
  const codes = [...read('lib/errors.ts').matchAll(/^ {2}\| '(ERR_\w+)'/gm)].map(([, code = '']) => code);
  t.ok(codes.length > 15);
  const page = read('doc/library.md');
  t.same(
    codes.filter((code) => !page.includes(`\`${code}\``)),
    ['ERR_UNSAFE_JAIL'],
    'that one is of a command',
  );
});

t.test('a UsageError exits with 1 and has a code', async (t) => {
  t.match(new UsageError('no'), {
    name: 'UsageError',
    message: 'no',
    code: 'ERR_USAGE',
    exitStatus: 1,
    hint: undefined,
  });
  t.equal(new UsageError('no', { hint: 'do' }).hint, 'do');
});

t.test(
  'a LaunchError tells step, call, errno and path, and exits with 125 unless it says otherwise',
  async (t) => {
    const failed = {
      step: 'chroot',
      place: 3,
      call: 'chroot',
      code: 'EPERM',
      errno: 1,
      path: '/srv',
      hint: 'do',
    } as const;
    t.match(new LaunchError('no', failed), {
      ...failed,
      name: 'LaunchError',
      message: 'no',
      exitStatus: 125,
    });
    t.equal(new LaunchError('no', { ...failed, exitStatus: 127 }).exitStatus, 127);
  },
);

const usage = {
  userCpuMs: 1,
  systemCpuMs: 1,
  minorFaults: 1,
  majorFaults: 1,
  blockInputs: 1,
  blockOutputs: 1,
  voluntarySwitches: 1,
  involuntarySwitches: 1,
};
const said = { stdout: 'o', stderr: 'e' };
const ended = {
  exitCode: 3,
  signal: null,
  ...said,
  pid: 5,
  durationMs: 7,
  usage,
  timedOut: false,
  isCanceled: false,
  account: noAccount,
};

t.test('an ExitError has the fields of a result', async (t) => {
  t.match(new ExitError('no', 'ERR_EXIT', ended), { ...ended, name: 'ExitError', code: 'ERR_EXIT' });
});

t.test('an AbortError has the name, the code and the cause of the platform', async (t) => {
  const reason = new Error('enough');
  const error = new AbortError('no', AbortSignal.abort(reason), { ended });
  t.match(error, { name: 'AbortError', code: 'ABORT_ERR', message: 'no', ended });
  t.equal(error.cause, reason);
});

t.test('a JailError tells code, path and hint', async (t) => {
  const told = { code: 'EEXIST', path: '/srv', hint: 'do' } as const;
  t.match(new JailError('no', told), { ...told, name: 'JailError', message: 'no' });
});

t.test('a cause is there only where one was given', async (t) => {
  const cause = new Error('below');
  t.equal(new LaunchError('no', { step: 'jail', code: 'EIO', cause }).cause, cause);
  t.notOk('cause' in new LaunchError('no', { step: 'jail', code: 'EIO' }));
});

t.test('an error has a cause only if there is one', async (t) => {
  const cause = new Error('before');
  for (const make of [
    (options: { cause?: unknown }) => new UsageError('no', options),
    (options: { cause?: unknown }) => new LaunchError('no', { step: 'chroot', code: 'EPERM', ...options }),
    (options: { cause?: unknown }) => new JailError('no', { code: 'ENOENT', ...options }),
  ]) {
    t.equal(make({ cause }).cause, cause);
    t.notOk(Object.hasOwn(make({}), 'cause'));
  }
});

t.test('an ExitError has both outputs together if they were asked for', async (t) => {
  t.equal(new ExitError('no', 'ERR_EXIT', { ...ended, all: 'oe' }).all, 'oe');
});
