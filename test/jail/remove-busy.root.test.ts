// A jail that is in use is not removed.

import { closeSync, constants, copyFileSync, mkdirSync, openSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { removeJail } from '../../lib/jail/remove.ts';
import { makeDirectory } from '../support/directory.ts';
import { makeJail } from '../support/programs.ts';
import { spawnInJail } from '../support/public-api.ts';
import { unlessRoot } from '../support/root.ts';
import {
  makeScene,
  makeTemplate,
  mount,
  namesIn,
  run,
  runScript,
  sh,
  start,
  startScript,
  stop,
} from '../support/jail/scene.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });
const busy = (message: RegExp) => ({ name: 'JailError', code: 'EBUSY', message });
t.test(
  'nothing is removed while something is mounted on it, in it or out of it',
  needs('mount'),
  async (t) => {
    const { base, jail } = makeScene(t);
    const point = mount(t, '-t', 'tmpfs', 'tmpfs', `${jail}/tmp/a b\nc`);
    const shown = `${jail}/tmp/a b\\nc`;
    const removing = removeJail({ directory: jail });
    await t.rejects(removing, { ...busy(/is mounted on or in it/), hint: `umount ${shown}` });
    sh('umount "$0"', point);
    mount(t, '--bind', `${jail}/etc`, `${base}/outside/etc`);
    await t.rejects(removeJail({ directory: jail }), busy(/outside\/etc is mounted out of it/));
    sh('umount "$0"', `${base}/outside/etc`);
    mount(t, '--bind', jail, jail);
    await t.rejects(removeJail({ directory: jail }), busy(/mounted on or in it/));
    sh('umount "$0"', jail);
    t.same(namesIn(base), ['jail', 'outside']);
    await removeJail({ directory: jail });
    t.same(namesIn(base), ['outside']);
  },
);

/** The things that a process can do in a jail, and the finding about each. */
const uses: readonly (readonly [string, string, (t: Test, jail: string) => Promise<number>])[] = [
  [
    'its working directory',
    'working directory',
    (t, jail) => run(t, 'sleep', ['sleep', '60'], `${jail}/etc`),
  ],
  ['a file open', 'open file', (t, jail) => open(t, `${jail}/etc/name`)],
  ['the directory open', 'open file', (t, jail) => open(t, jail)],
  ['a deleted file open', 'open file', (t, jail) => open(t, `${jail}/tmp/gone`)],
  ['its program there', 'program', (t, jail) => run(t, 'actor', [`${jail}/actor`, 'sleep=60000'])],
  [
    'its root there',
    'root directory',
    (t, jail) => run(t, 'actor', ['chroot', jail, '/actor', 'sleep=60000']),
  ],
  [
    'its root in a directory of it',
    'root directory',
    (t, jail) => run(t, 'actor', ['chroot', `${jail}/usr`, '/actor', 'sleep=60000']),
  ],
  [
    'its root there, in a mount namespace in which it has another path',
    'root directory',
    (t, jail) => {
      const script = `mount -t tmpfs tmpfs /mnt; mkdir /mnt/j; mount --bind "$0" /mnt/j
        exec chroot /mnt/j /actor sleep=60000`;
      return run(t, 'actor', ['unshare', '-m', 'sh', '-ec', script, jail]);
    },
  ],
];

function open(t: Test, path: string): Promise<number> {
  return startScript(
    t,
    `import { existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
    const [path] = process.argv.slice(1);
    const isThere = existsSync(path);
    if (!isThere) writeFileSync(path, '');
    openSync(path);
    if (!isThere) rmSync(path);
    console.log('ready');
    setInterval(() => {}, 1000);`,
    path,
  );
}

for (const [what, told, begin] of uses) {
  t.test(`a jail in which a process has ${what} is not removed`, needs('unshare'), async (t) => {
    const { base, jail } = makeScene(t);
    const actor = `${makeJail(t, 'actor')}/actor`;
    mkdirSync(`${jail}/usr`);
    for (const place of [jail, `${jail}/usr`]) copyFileSync(actor, `${place}/actor`);
    const pid = await begin(t, jail);
    await t.rejects(
      removeJail({ directory: jail }),
      busy(new RegExp(`process ${pid} \\(\\S+\\) has its ${told} there$`)),
    );
    t.same(namesIn(base), ['jail', 'outside'], 'and it has its name');
    await stop(pid);
    await removeJail({ directory: jail });
    t.same(namesIn(base), ['outside']);
  });
}

t.test('a jail in which an ephemeral launch runs is not removed', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  copyFileSync(`${makeJail(t, 'actor')}/actor`, `${jail}/actor`);
  const store = makeDirectory(t);
  for (const isolation of [
    { ephemeral: true },
    { ephemeral: store },
    { ephemeral: true, unshare: ['mount'] },
  ] as const) {
    const request = { user: '61002:61002', jail, isolate: true, ...isolation, stdio: 'ignore' } as const;
    const child = await spawnInJail({ ...request, program: '/actor', args: ['sleep=60000'] });
    await t.rejects(removeJail({ directory: jail }), busy(/has its root directory there/));
    t.same(namesIn(base), ['jail', 'outside'], 'and it has its name');
    await removeJail({ directory: makeTemplate(`${base}/other`) });
    child.kill('SIGKILL');
    await child.exited;
  }
  await removeJail({ directory: jail });
  t.same(namesIn(base), ['outside']);
});

t.test('a process with only a mapped file, or only a thread left, is seen too', needs('gcc'), async (t) => {
  const { base, jail } = makeScene(t);
  writeFileSync(
    `${base}/p.c`,
    `#include <fcntl.h>
    #include <pthread.h>
    #include <sys/mman.h>
    #include <unistd.h>
    static void *rest(void *path) { (void)path; if (write(1, "ready", 5) == 5) for (;;) pause(); return 0; }
    int main(int argc, char **argv) {
      pthread_t thread;
      if (argc == 3) {
        if (chroot(argv[1]) < 0 || chdir("/") < 0 || pthread_create(&thread, 0, rest, 0) != 0) return 1;
        pthread_exit(0);
      }
      const int fd = open(argv[1], O_RDONLY);
      if (mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) return 1;
      close(fd);
      rest(0);
    }`,
  );
  sh('gcc -static -pthread -o "$0/p" "$0/p.c"', base);
  for (const [args, told] of [
    [[`${jail}/etc/name`], /has its mapped file there/],
    [[jail, 'thread'], /has its root directory there/],
  ] as const) {
    const pid = await start(t, [`${base}/p`, ...args]);
    await t.rejects(removeJail({ directory: jail }), busy(told));
    await stop(pid);
  }
});

t.test('the name that a process gives itself is not obeyed by a terminal', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  copyFileSync(`${makeJail(t, 'actor')}/actor`, `${base}/\x1b[2J\n)`);
  const pid = await run(t, '\x1b[2J\n)', [`${base}/\x1b[2J\n)`, 'sleep=60000'], jail);
  await t.rejects(removeJail({ directory: jail }), {
    message: `${jail} is in use: process ${pid} (\\x1b[2J\\n)) has its working directory there`,
  });
});

t.test(
  'this process counts as well, and what others have at the same path elsewhere does not',
  asRoot,
  async (t) => {
    const { base, jail } = makeScene(t);
    const fd = openSync(jail, constants.O_RDONLY);
    await t.rejects(removeJail({ directory: jail }), busy(new RegExp(`process ${process.pid} .* open file`)));
    closeSync(fd);
    // in a mount namespace of its own another file system lies over the directory
    const script = 'mount -t tmpfs tmpfs "$0"; mkdir "$0/jail"; cd "$0/jail"; exec sleep 60';
    await run(t, 'sleep', ['unshare', '-m', 'sh', '-ec', script, base]);
    await removeJail({ directory: jail });
    t.same(namesIn(base), ['outside']);
  },
);

t.test(
  'without CAP_SYS_PTRACE it is said that others cannot be looked at',
  needs('capsh', 'setpriv'),
  async (t) => {
    const { base, jail } = makeScene(t);
    await run(t, 'sleep', ['setpriv', '--reuid=61001', '--regid=61001', '--clear-groups', 'sleep', '60']);
    const script = `import { removeJail } from '${import.meta.dirname}/../../lib/jail/remove.js';
    await removeJail({ directory: '${jail}' }).catch((error) => console.log(error.code, error.hint));`;
    const by = ['capsh', '--drop=cap_sys_ptrace', '--', '-c', 'exec "$0" "$@"'];
    const stdout = runScript(by, script);
    t.match(stdout, /^EACCES .*CAP_SYS_PTRACE\n$/);
    t.same(namesIn(base), ['jail', 'outside']);
  },
);
