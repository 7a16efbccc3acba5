// Defects by which one leaves a jail.
import { chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { makeDirectory } from '../../directory.ts';
import { beginProcess, mount, must } from '../../template.ts';
import { type Defect, NOBODY } from './defect.ts';

const SERVER = `import os, socket, sys
os.setgroups([])
os.setgid(${NOBODY})
os.setuid(${NOBODY})
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print('up', flush=True)
server.accept()`;

async function bindAsNobody(t: Test, path: string, cwd = '/'): Promise<void> {
  await beginProcess(t, ['python3', '-c', SERVER, path], { cwd });
}

export const escapeDefects: readonly Defect[] = [
  {
    rule: 'outside-link',
    plant: (jail) => {
      writeFileSync(`${jail}-outside`, 'host');
      linkSync(`${jail}-outside`, `${jail}/tmp/inside`);
    },
    at: '/tmp/inside',
  },
  {
    rule: 'host-socket',
    plant: (jail, t) => {
      const program = `require('net').createServer().listen(process.argv[1], () => console.log('up'))`;
      return beginProcess(t, [process.execPath, '-e', program, `${jail}/tmp/docker.sock`]).then(
        () => undefined,
      );
    },
    at: '/tmp/docker.sock',
  },
  {
    rule: 'host-socket', // of a daemon that is neither root nor known by its name
    plant: (jail, t) => bindAsNobody(t, `${jail}/tmp/app.sock`),
    at: '/tmp/app.sock',
  },
  {
    rule: 'host-socket', // by a name that leads through a link
    plant: async (jail, t) => {
      symlinkSync(jail, `${jail}-link`);
      await bindAsNobody(t, `${jail}-link/tmp/app.sock`);
    },
    at: '/tmp/app.sock',
  },
  {
    rule: 'host-socket', // by a relative name
    plant: (jail, t) => bindAsNobody(t, './app.sock', `${jail}/tmp`),
    at: '/tmp/app.sock',
  },
  {
    rule: 'host-socket', // in a directory of the host, which is not looked into
    plant: async (jail, t) => {
      const run = makeDirectory(t);
      const program = `require('net').createServer().listen(process.argv[1], () => console.log('up'))`;
      await beginProcess(t, [process.execPath, '-e', program, `${run}/docker.sock`]);
      mkdirSync(`${jail}/run`, { recursive: true });
      mount(t, '--bind', '-o', 'ro,nosuid,nodev', run, `${jail}/run`);
      must(['mount', '-o', 'remount,bind,ro,nosuid,nodev', `${jail}/run`]);
    },
    at: '/run/docker.sock',
  },
  {
    rule: 'host-fifo',
    plant: (jail) => void must(['mkfifo', '-m', '0666', `${jail}/tmp/initctl`]),
    at: '/tmp/initctl',
  },
  {
    rule: 'host-fifo', // somebody outside reads what a user of the jail has made
    plant: async (jail, t) => {
      must(['mkfifo', '-m', '0600', `${jail}/tmp/pipe`]);
      chownSync(`${jail}/tmp/pipe`, NOBODY, NOBODY);
      await beginProcess(t, ['sh', '-c', 'exec 3<>"$1"; echo up; kill -STOP $$', 'sh', `${jail}/tmp/pipe`]);
    },
    at: '/tmp/pipe',
  },
  {
    rule: 'proc-mount',
    plant: (jail, t) => {
      mkdirSync(`${jail}/proc`, { recursive: true });
      mount(t, '-t', 'proc', 'proc', `${jail}/proc`);
    },
    at: '/proc',
  },
  {
    rule: 'kernel-mount',
    plant: (jail, t) => {
      mkdirSync(`${jail}/sys`);
      mount(t, '-t', 'sysfs', 'sysfs', `${jail}/sys`);
    },
    at: '/sys',
  },
  {
    rule: 'bind-mount',
    plant: (jail, t) => {
      mkdirSync(`${jail}/tmp/host`);
      mount(t, '--bind', makeDirectory(t), `${jail}/tmp/host`);
    },
    at: '/tmp/host',
  },
  {
    rule: 'bind-mount', // what is a file system of nobody's elsewhere is the host's here
    plant: (jail, t) => {
      const host = makeDirectory(t);
      mount(t, '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', host);
      mkdirSync(`${jail}/run`, { recursive: true });
      mount(t, '--bind', host, `${jail}/run`);
    },
    at: '/run',
  },
  {
    rule: 'host-path', // the terminals of login sessions
    plant: (jail, t) => {
      mkdirSync(`${jail}/tmp/pts`);
      mount(t, '--bind', '/dev/pts', `${jail}/tmp/pts`);
    },
    at: '/tmp/pts',
  },
  {
    rule: 'steering-file',
    plant: (jail) => chownSync(`${jail}/etc/passwd`, NOBODY, 0),
    at: '/etc/passwd',
    fixed: true,
  },
  {
    rule: 'steering-file', // what git starts as everybody who uses it
    plant: (jail) => {
      writeFileSync(`${jail}/etc/gitconfig`, '');
      chownSync(`${jail}/etc/gitconfig`, NOBODY, 0);
    },
    at: '/etc/gitconfig',
    also: ['extra'],
  },
  {
    rule: 'preload',
    plant: (jail) => writeFileSync(`${jail}/etc/ld.so.preload`, '/tmp/evil.so\n'),
    at: '/etc/ld.so.preload',
  },
  {
    rule: 'steering-file', // what the shell of root reads
    plant: (jail) => {
      mkdirSync(`${jail}/root`);
      writeFileSync(`${jail}/root/.bashrc`, '');
      chownSync(`${jail}/root/.bashrc`, NOBODY, 0);
    },
    at: '/root/.bashrc',
    also: ['extra'],
  },
];
