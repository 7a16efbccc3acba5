import t from 'tap';

import type { LaunchError } from '../../../lib/errors.ts';
import { findProblem } from '../../../lib/launch/tell/preflight.ts';
import type { Caller } from '../../../lib/launch/host/caller.ts';
import { settle } from '../../../lib/launch/host/judged-jail.ts';
import { toLaunch } from '../../../lib/launch/plan/launch.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import { makeElf, type Tree } from '../../support/binary/image.ts';
import { program, sam, viewOf } from '../../support/launch/view.ts';

const caller: Caller = {
  inPlace: true,
  environment: [],
  pid: 1,
  parentPid: 1,
  newGroup: false,
  joined: [],
  sockets: [],
};

function problemOf(tree: Tree, cwd = '/'): LaunchError | undefined {
  const jail = { account: sam, fd: -1, warnings: [], isShared: false };
  const request = normalize({
    user: 'sam',
    jail: '/srv/jail',
    program: '/bin/prog',
    args: [],
    argv0: 'prog',
    env: { PATH: '/opt:/bin' },
    cwd,
  });
  const launch = toLaunch(settle(request, jail), jail, caller, undefined);
  return findProblem(launch, viewOf(tree, {}, { cwd: request.cwd }));
}

const loader = '/lib64/ld-linux-x86-64.so.2';
const library = makeElf();

t.test('there is no problem where everything is there', async (t) => {
  t.equal(problemOf({ '/bin/prog': program }), undefined);
  t.equal(
    problemOf({
      '/bin/prog': makeElf({ interpreter: loader, needed: ['libc.so.6'] }),
      [loader]: library,
      '/lib/libc.so.6': library,
    }),
    undefined,
  );
});

t.test(
  'a shared library that is missing is found before the launch, and named with who needs it',
  async (t) => {
    const error = problemOf({
      '/bin/prog': makeElf({ interpreter: loader, needed: ['libx.so.1'] }),
      [loader]: library,
    });
    t.match(error, {
      step: 'execve',
      code: 'ENOENT',
      message: /^execve: \/bin\/prog: its shared library libx\.so\.1, needed by \/bin\/prog: /,
      hint: 'uchroot-jail build /srv/jail /bin/prog',
      exitStatus: 127,
    });
  },
);

t.test('a library of a library is missed as well', async (t) => {
  const error = problemOf({
    '/bin/prog': makeElf({ interpreter: loader, needed: ['liba.so'] }),
    [loader]: library,
    '/lib/liba.so': makeElf({ needed: ['libb.so'] }),
  });
  t.match(error?.message, /its shared library libb\.so, needed by \/lib\/liba\.so/);
});

t.test('so is what env starts for a script, in the PATH that the program gets', async (t) => {
  const tree = { '/bin/prog': '#!/usr/bin/env -S perl -w\n', '/usr/bin/env': program };
  t.match(problemOf(tree), {
    code: 'ENOENT',
    path: 'perl',
    message:
      /^execve: \/bin\/prog: its command perl, needed by \/bin\/prog: it is in none of the directories of PATH \(\/opt:\/bin\)/,
    exitStatus: 127,
  });
  t.equal(problemOf({ ...tree, '/opt/perl': program }), undefined);
  t.equal(problemOf({ ...tree, '/bin/prog': '#!/usr/bin/env -S ${HOME}/perl\n' }), undefined, 'not known');
  const perl = makeElf({ interpreter: '/lib/ld.so', needed: [] });
  t.match(problemOf({ ...tree, '/opt/perl': perl }), {
    message: /its ELF interpreter \/lib\/ld\.so, needed by \/opt\/perl/,
  });
});

t.test('a program that cannot be executed is 126, one that is missing 127', async (t) => {
  t.match(problemOf({ '/bin/prog': 'text' }), { code: 'EACCES', exitStatus: 126 });
  t.match(problemOf({ '/bin/ls': program }), { code: 'ENOENT', exitStatus: 127 });
});

t.test('the working directory is looked at first, and the place is that of its step', async (t) => {
  const error = problemOf({ '/bin/ls': program }, '/home');
  t.match(error, { step: 'chdir', code: 'ENOENT', exitStatus: 125, message: /^chdir: \/home: / });
  t.ok((error?.place ?? 0) > 0);
});
