// Defects of what runs in a jail.
import { openSync } from 'node:fs';
import { buildJail } from '../../../../lib/jail/building.ts';
import { makeDirectory } from '../../directory.ts';
import { command } from '../../launch.ts';
import { beginProcess, must } from '../../template.ts';
import { type Defect, NOBODY, SCRIPT, run } from './defect.ts';

export const runningDefects: readonly Defect[] = [
  {
    rule: 'root-process',
    plant: async (jail, t) => void (await run(t, jail, ['setpriv', '--no-new-privs', 'chroot'])),
    at: '/',
  },
  {
    rule: 'root-process', // on an overlay, which has another device than the jail
    plant: async (jail, t) => {
      const before = [...command, '--isolate', '--ephemeral', '--allow-root', '0:0'];
      await run(t, jail, before);
    },
    at: '/',
  },
  {
    rule: 'process-capabilities',
    plant: async (jail, t) => {
      const ids = ['--reuid=65534', '--regid=65534', '--clear-groups'];
      const capabilities = ['--inh-caps=+sys_chroot', '--ambient-caps=+sys_chroot'];
      await run(t, jail, ['setpriv', '--no-new-privs', ...ids, ...capabilities, 'chroot']);
    },
    at: '/',
  },
  {
    rule: 'process-groups',
    plant: async (jail, t) => {
      const before = ['setpriv', '--no-new-privs', 'chroot', `--userspec=${NOBODY}:${NOBODY}`];
      await run(t, jail, [...before, '--groups=0']);
    },
    at: '/',
  },
  {
    rule: 'stale-process',
    plant: async (jail, t) => {
      await run(t, jail, ['setpriv', '--no-new-privs', 'chroot', `--userspec=${NOBODY}:${NOBODY}`]);
      must(['cp', '-a', `${jail}/usr/bin/bash`, `${jail}/usr/bin/bash.new`]);
      must(['mv', `${jail}/usr/bin/bash.new`, `${jail}/usr/bin/bash`]);
    },
    at: '/',
  },
  {
    rule: 'stale-process', // a program that was copied to where no others are
    plant: async (jail, t) => {
      await buildJail({ directory: jail, copies: [{ from: '/usr/bin/bash', to: '/srv/app' }] });
      const before = ['setpriv', '--no-new-privs', 'chroot', `--userspec=${NOBODY}:${NOBODY}`];
      await beginProcess(t, [...before, jail, '/srv/app', ...SCRIPT.slice(1)]);
      must(['cp', '-a', `${jail}/srv/app`, `${jail}/srv/new`]);
      must(['mv', `${jail}/srv/new`, `${jail}/srv/app`]);
    },
    at: '/',
  },
  {
    rule: 'outside-descriptor',
    plant: async (jail, t) => {
      const before = ['setpriv', '--no-new-privs', 'chroot', `--userspec=${NOBODY}:${NOBODY}`];
      await run(t, jail, before, openSync('/usr', 'r'));
    },
    at: '/',
  },
  {
    rule: 'outside-descriptor', // chroot(2) changes no working directory
    plant: async (jail, t) => {
      const program = `import os, sys
os.chroot(sys.argv[1])
os.setgroups([])
os.setgid(${NOBODY})
os.setuid(${NOBODY})
os.execv('/usr/bin/bash', ['bash', '-c', 'echo up; kill -STOP $$'])`;
      await beginProcess(t, ['setpriv', '--no-new-privs', 'python3', '-c', program, jail]);
    },
    at: '/',
  },
  {
    rule: 'outside-descriptor', // a path that is too long for /proc
    plant: async (jail, t) => {
      const directory = makeDirectory(t, '/var/tmp');
      const program = `import os, sys
os.chdir(sys.argv[2])
for _ in range(20):
  os.mkdir('d' * 250)
  os.chdir('d' * 250)
os.chroot(sys.argv[1])
os.setgroups([])
os.setgid(${NOBODY})
os.setuid(${NOBODY})
os.execv('/usr/bin/bash', ['bash', '-c', 'echo up; kill -STOP $$'])`;
      await beginProcess(t, ['setpriv', '--no-new-privs', 'python3', '-c', program, jail, directory]);
    },
    at: '/',
  },
  {
    rule: 'outside-descriptor', // in a mount namespace whose root is the jail
    plant: async (jail, t) => {
      const before = ['setpriv', '--no-new-privs', 'bwrap', '--die-with-parent', '--bind'];
      const ids = ['--uid', String(NOBODY), '--gid', String(NOBODY)];
      const script = ['/', '--unshare-user', ...ids, '--', ...SCRIPT];
      await beginProcess(t, [...before, jail, ...script], { fd: openSync('/usr', 'r') });
    },
    at: '/',
    also: ['root-process'],
  },
  {
    rule: 'outside-descriptor', // the working directory of a process that made the jail the root of its mount namespace
    plant: async (jail, t) => {
      const call = process.arch === 'arm64' ? 41 : 155; // pivot_root(2)
      const program = `import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
jail, outside = [os.fsencode(word) for word in sys.argv[1:]]
def must(result):
  if result != 0: raise OSError(ctypes.get_errno(), 'call')
must(libc.mount(jail, jail, None, 4096, None))
os.chdir(outside)
must(libc.syscall(${call}, jail, jail + b'/tmp'))
must(libc.umount2(b'/tmp', 2))
os.setgroups([])
os.setgid(${NOBODY})
os.setuid(${NOBODY})
os.execv('/usr/bin/bash', ['bash', '-c', 'echo up; kill -STOP $$'])`;
      const before = ['setpriv', '--no-new-privs', 'unshare', '--mount', '--propagation', 'private'];
      await beginProcess(t, [...before, 'python3', '-c', program, jail, makeDirectory(t)]);
    },
    at: '/',
  },
  {
    rule: 'outside-file',
    plant: async (jail, t) => {
      const program = 'exec 5</etc/passwd; exec "$@"';
      const ids = ['chroot', `--userspec=${NOBODY}:${NOBODY}`];
      await beginProcess(t, [
        'setpriv',
        '--no-new-privs',
        'sh',
        '-c',
        program,
        'sh',
        ...ids,
        jail,
        ...SCRIPT,
      ]);
    },
    at: '/',
  },
  {
    rule: 'new-privileges',
    plant: async (jail, t) => void (await run(t, jail, ['chroot', `--userspec=${NOBODY}:${NOBODY}`])),
    at: '/',
  },
];
