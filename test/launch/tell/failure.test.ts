import { constants } from 'node:os';

import t from 'tap';

import type { LaunchError } from '../../../lib/errors.ts';
import { describeStep } from '../../../lib/launch/plan/table.ts';
import { toLaunchError } from '../../../lib/launch/tell/failure.ts';
import { buildPlan } from '../../support/plan.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import type { StepName } from '../../../lib/launch/plan/step.ts';
import { program, sam, viewOf } from '../../support/launch/view.ts';

const errnos = { ...constants.errno, EBADE: 52 } as const;

const steps = buildPlan({
  request: normalize({
    user: 'sam',
    jail: '/srv/jail',
    cwd: '/home',
    newSession: true,
    dieWithParent: true,
    caps: ['chown'],
  }),
  account: sam,
  program: Buffer.from('/bin/prog'),
  argv: [Buffer.from('prog')],
  env: [Buffer.from('A=1')],
  keptFds: [7],
  parentPid: 1,
  architecture: 'x64',
  status: { fd: 9, line: Buffer.from('{}\n') },
}).flat();

const whole = viewOf({ '/bin/prog': program, '/home/x': '' }, {}, { cwd: Buffer.from('/home') });

function fail(op: StepName, code: keyof typeof errnos, detail = 0, view = whole): LaunchError {
  const step = steps.findIndex((candidate) => candidate.op === op);
  return toLaunchError(steps, { step, op: 0, errno: errnos[code], detail }, view);
}

t.test('whatever step fails, the error names it, its place and its call, in one line', async (t) => {
  for (const [index, step] of steps.entries()) {
    const error = toLaunchError(steps, { step: index, op: 0, errno: errnos.EPERM, detail: 0 }, whole);
    t.match(error, {
      step: step.op,
      place: index + 1,
      call: describeStep(step).call,
      code: 'EPERM',
      errno: 1,
      exitStatus: step.op === 'execve' ? 126 : 125,
    });
    t.ok(error.message.startsWith(`${step.op}:`) && !error.message.includes('\n'), error.message);
  }
});

t.test('a missing capability is named', async (t) => {
  for (const [op, capability] of [
    ['chroot', 'CAP_SYS_CHROOT'],
    ['setgroups', 'CAP_SETGID'],
    ['setresgid', 'CAP_SETGID'],
    ['setresuid', 'CAP_SETUID'],
    ['drop_bounding_set', 'CAP_SETPCAP'],
  ] as const) {
    t.match(fail(op, 'EPERM').hint, new RegExp(`it needs ${capability}:`), op);
  }
});

t.test('no capability is asked for where the errno is another', async (t) => {
  t.equal(fail('chroot', 'EIO').hint, undefined);
});

t.test('chroot names the jail', async (t) => {
  t.match(fail('chroot', 'EIO'), { message: 'chroot: /srv/jail: i/o error', path: '/srv/jail' });
});

t.test('what was read back and is not what was set is told as that', async (t) => {
  t.match(fail('verify_uid', 'EBADE').message, /^verify_uid: 1001: the ids read back are not/);
  t.match(fail('verify_groups', 'EBADE').message, /the groups read back are not/);
  t.match(fail('verify_capabilities', 'EBADE').message, /a capability is left/);
});

t.test('a descriptor of a directory, and one that is not open, are told apart', async (t) => {
  t.match(fail('keep_fd', 'EISDIR').message, /^keep_fd: descriptor 7: is an open directory of the host/);
  t.match(fail('keep_fd', 'EBADF').message, /^keep_fd: descriptor 7: is not open/);
  t.match(fail('stdio', 'EISDIR').message, /^stdio: descriptor 0: is an open directory/);
});

t.test('the capability that could not be dropped or given is named', async (t) => {
  t.match(fail('drop_bounding_set', 'EPERM', 21).message, /CAP_SYS_ADMIN could not be dropped/);
  t.match(fail('raise_ambient', 'EPERM', 0).message, /CAP_CHOWN cannot be given/);
});

t.test('execve is never passed on bare: the jail is looked into', async (t) => {
  t.match(fail('execve', 'ENOENT', 0, viewOf({ '/x': '' })), {
    message: 'execve: /bin/prog: its directory /bin does not exist in the jail',
    path: '/bin',
    exitStatus: 127,
    hint: /uchroot-jail build/,
  });
  t.match(fail('execve', 'ENOENT', 0, viewOf({ '/bin/prog': '#!/bin/sh\n' })), {
    message: /its interpreter \/bin\/sh/,
    exitStatus: 127,
  });
  t.match(fail('execve', 'EACCES', 0, viewOf({ '/bin/prog': program }, { '/bin/prog': { mode: 0o644 } })), {
    message: /no execute permission/,
    exitStatus: 126,
  });
});

t.test('where the jail shows nothing wrong the errno is told, and ENOENT is 127 all the same', async (t) => {
  t.match(fail('execve', 'ENOENT'), {
    message: 'execve: /bin/prog: no such file or directory',
    exitStatus: 127,
  });
  t.match(fail('execve', 'EACCES'), { message: 'execve: /bin/prog: permission denied', exitStatus: 126 });
});

t.test('a diagnosis that fails does not hide the failure', async (t) => {
  const broken = {
    ...whole,
    root: {
      ...whole.root,
      lstat: () => {
        throw new Error('i/o error of the jail');
      },
    },
  };
  t.match(fail('execve', 'EACCES', 0, broken).message, 'execve: /bin/prog: permission denied');
});

t.test('arguments that are too long are told with their size', async (t) => {
  t.match(fail('execve', 'E2BIG').message, /too long: 9 bytes/);
});

t.test('too many processes of the uid are told as that', async (t) => {
  t.match(fail('execve', 'EAGAIN'), { message: /uid 1001 has as many processes/, hint: /--rlimit nproc=N/ });
});

t.test('a working directory that is not there is named', async (t) => {
  const view = viewOf({ '/bin/prog': program }, {}, { cwd: Buffer.from('/home') });
  t.match(fail('chdir', 'ENOENT', 0, view), {
    message: /^chdir: \/home: /,
    hint: 'mkdir -p /srv/jail/home',
    exitStatus: 125,
  });
});

t.test('outside of the steps the stage is named', async (t) => {
  const outside = (op: number): string =>
    toLaunchError(steps, { step: -1, op, errno: errnos.ENOMEM, detail: 0 }, whole).message;
  t.equal(outside(1001), 'launch: starting the launcher: not enough memory');
  t.equal(outside(1004), 'launch: checking the plan: not enough memory');
  t.match(outside(0), /^launch: starting: /);
});
