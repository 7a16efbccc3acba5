import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { isolated } from '../../support/isolation.ts';
import { endBy } from '../../support/launch.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { runService, startService, text } from '../../support/service.ts';

const skip = unlessRoot();
const user = '61145:61145';
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';

t.test(
  'execInJail makes the process the program: same pid, its status, nothing of Node left',
  { skip },
  async (t) => {
    const child = startService('exec', { request: { user, jail, program: '/probe' } });
    const exited = once(child, 'exit');
    child.stdin?.end();
    const state = JSON.parse(await text(child.stdout)) as Record<string, unknown>;
    t.hasStrict(state, {
      pid: isolated ? 2 : child.pid,
      uid: [61_145, 61_145, 61_145, 61_145],
      groups: [],
      ignored: '0',
      blocked: '0',
    });
    t.strictSame(Object.keys(state.fds as object), ['0', '1', '2']);
    t.strictSame(await exited, [0, null]);
    const status = await runService('exec', { request: { user, jail, program: '/actor', args: ['exit=9'] } });
    t.equal(status.code, 9);
    const killed = await runService('exec', { request: { user, jail, program: '/actor', args: ['kill=6'] } });
    const end = endBy('SIGABRT');
    t.match(killed, { code: end.status, signal: end.signal });
  },
);

t.test('listeners of the process do not run, and no line after it', { skip }, async (t) => {
  const { stdout, stderr } = await runService('exec', {
    request: { user, jail, program: '/actor', args: ['out=program'] },
    listens: true,
  });
  t.equal(stdout, 'program');
  t.equal(stderr, '');
});

t.test(
  'a failure after the first step is told on fd 2, with a status, and not thrown',
  { skip },
  async (t) => {
    writeFileSync(join(jail, 'text'), 'echo hello\n', { mode: 0o755 });
    for (const [request, code, message] of [
      [{ program: '/absent' }, 127, /^uchroot: \/absent: not found in the jail\nhint: .*\n$/],
      [{ program: '/tmp' }, 126, /^uchroot: execve: \/tmp: .*\n(hint: .*\n)?$/],
      [{ program: '/text' }, 126, /^uchroot: execve: \/text: .*\n(hint: .*\n)?$/],
      [{ program: '/actor', cwd: '/absent' }, 125, /^uchroot: chdir: \/absent: .*\n(hint: .*\n)?$/],
    ] as const) {
      const result = await runService('exec', { request: { user, jail, ...request }, listens: true });
      t.equal(result.code, code);
      t.match(result.stderr, message);
      t.equal(result.stdout, '');
    }
  },
);

t.test('what is wrong before the first step is thrown, and nothing has happened', { skip }, async (t) => {
  for (const [request, thrown] of [
    [{ jail: join(jail, 'absent') }, { name: 'LaunchError', code: 'ENOENT' }],
    [{ user: 'no-such-user' }, { name: 'LaunchError', code: 'ERR_UNKNOWN_USER', exitStatus: 2 }],
    [{ user: '0:0' }, { name: 'LaunchError', code: 'ERR_ROOT_TARGET' }],
    [{ jail: 'relative' }, { name: 'UsageError' }],
    [
      { preserveFds: [77], program: '/actor', progam: 'x' },
      { name: 'UsageError', hint: "did you mean 'program'?" },
    ],
    [
      { program: '/absent', checkProgram: true },
      { name: 'LaunchError', step: 'execve', code: 'ENOENT' },
    ],
    // the directory of the pid file is open by then
    [{ pidFile: '/proc/x.pid' }, { name: 'LaunchError', step: 'pid_file' }],
  ] as const) {
    const { stdout, code } = await runService('exec', {
      request: { user, jail, program: '/actor', ...request },
    });
    t.match(JSON.parse(stdout), { thrown, uid: 0, root: '/', cwd: process.cwd(), left: 0 });
    t.equal(code, 0);
  }
});
