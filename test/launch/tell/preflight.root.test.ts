import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import t from 'tap';

import { openJail, planLaunch, runInJail } from '../../support/public-api.ts';
import { buildJail } from '../../../lib/jail/building.ts';
import { uchroot } from '../../support/launch.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';

const skip = unlessRoot();
const user = '61146:61146';

/** Removes all files of this name. */
function removeAll(directory: string, name: string): number {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(`/${name}`),
  );
  for (const path of found) rmSync(join(directory, path), { force: true });
  return found.length;
}

t.test('checkProgram names a missing shared library before anything is started', { skip }, async (t) => {
  const jail = join(makeJail(t), 'built');
  await buildJail({ directory: jail, programs: ['/usr/bin/env'] });
  const request = { user, jail, program: '/usr/bin/env' };
  t.match(
    await runInJail({ ...request, checkProgram: true }),
    { exitCode: 0 },
    'with all libraries it starts',
  );
  t.equal((await planLaunch(request)).problem, undefined);

  t.ok(removeAll(jail, 'libc.so.6') > 0);
  const problem = {
    name: 'LaunchError',
    step: 'execve',
    code: 'ENOENT',
    path: 'libc.so.6',
    message: /^execve: \/usr\/bin\/env: its shared library libc\.so\.6, needed by \/usr\/bin\/env: /,
    hint: `uchroot-jail build ${jail} /usr/bin/env`,
    exitStatus: 127,
  };
  t.match((await planLaunch(request)).problem, problem);
  await t.rejects(runInJail({ ...request, checkProgram: true }), problem);
  await using open = await openJail(jail, { user, checkProgram: true });
  await t.rejects(open.spawn({ program: '/usr/bin/env' }), problem);
});

t.test('a program whose loader misses a library ends with an error that names it', { skip }, async (t) => {
  const jail = join(makeJail(t), 'built');
  await buildJail({ directory: jail, programs: ['/usr/bin/env', '/bin/sh'] });
  const request = { user, jail, program: '/usr/bin/env' };
  const sh = { ...request, program: '/bin/sh' };
  await t.rejects(runInJail({ ...sh, args: ['-c', 'exit 127'] }), {
    message: "/bin/sh -c 'exit 127': exited with status 127",
    hint: undefined,
  });

  t.ok(removeAll(jail, 'libc.so.6') > 0);
  const missing = {
    name: 'ExitError',
    code: 'ERR_EXIT',
    exitCode: 127,
    message:
      /^\/usr\/bin\/env: exited with status 127: its shared library libc\.so\.6, needed by \/usr\/bin\/env: /,
    hint: `uchroot-jail build ${jail} /usr/bin/env`,
  };
  // The loader's own message goes to /dev/null.
  await t.rejects(runInJail({ ...request, stdio: 'ignore' }), missing);
  await using open = await openJail(jail, { user, program: '/usr/bin/env', stdio: 'ignore' });
  await t.rejects(open.run(), missing);
  t.match(await open.run({ reject: false }), { exitCode: 127 });
});

t.test('it names a missing program, interpreter and working directory too', { skip }, async (t) => {
  const jail = join(makeJail(t), 'built');
  await buildJail({ directory: jail, programs: ['/usr/bin/env'] });
  const request = { user, jail, program: '/usr/bin/env', checkProgram: true };
  await t.rejects(runInJail({ ...request, program: '/usr/bin/absent' }), {
    code: 'ENOENT',
    path: '/usr/bin/absent',
  });
  await t.rejects(runInJail({ ...request, cwd: '/absent' }), {
    step: 'chdir',
    code: 'ENOENT',
    path: '/absent',
  });
  for (const name of readdirSync(jail, { recursive: true, encoding: 'utf8' })) {
    if (/\/ld-linux[^/]*\.so\.\d$/.test(name)) rmSync(join(jail, name), { force: true });
  }
  await t.rejects(runInJail(request), {
    code: 'ENOENT',
    message: /its ELF interpreter \/lib/,
    exitStatus: 127,
  });
});

const isLevel2 = process.arch === 'x64' && / sse4_2 /.test(readFileSync('/proc/cpuinfo', 'latin1'));
const level = skip || (isLevel2 ? false : 'it is about processors with x86-64-v2');

t.test('a library that is there for this processor alone is not missing', { skip: level }, async (t) => {
  const jail = join(makeJail(t), 'built');
  await buildJail({ directory: jail, programs: ['/bin/ls'] });
  const found = readdirSync(jail, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith('/libselinux.so.1'),
  );
  const library = join(jail, found ?? '');
  const apart = join(dirname(library), 'glibc-hwcaps/x86-64-v2');
  mkdirSync(apart, { recursive: true });
  renameSync(library, join(apart, 'libselinux.so.1'));
  const request = { user, jail, program: '/bin/ls', checkProgram: true };
  t.match(await runInJail(request), { exitCode: 0 });
  t.equal((await planLaunch(request)).problem, undefined);
  const [status, stderr] = inPlace(jail);
  t.same([status, stderr], [0, '']);
  rmSync(join(apart, 'libselinux.so.1'));
  await t.rejects(runInJail(request), { name: 'LaunchError', path: 'libselinux.so.1' });
  t.match(inPlace(jail)[1], /its shared library libselinux\.so\.1/);
});

function inPlace(jail: string): readonly [number | null, string] {
  const { status, stderr } = uchroot([user, jail, '/bin/ls']);
  return [status, stderr];
}
