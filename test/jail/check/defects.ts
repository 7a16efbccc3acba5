// A defect for each rule: how to make it in a small jail, and what else it inevitably is.
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import type { Test } from 'tap';

import { readCache, writeCache } from '../../../lib/binary/cache.ts';
import { bytePath } from '../../../lib/binary/path.ts';
import { type Recorded, writeManifest } from '../../../lib/jail/manifest/manifest.ts';
import { makeDirectory, manifestOf } from '../../support/builder.ts';
import { beginProcess, makeDeep, mount, must } from '../../support/template.ts';

export interface Defect {
  readonly rule: string;
  readonly plant: (jail: string, t: Test) => void | Promise<void>;
  /** Where it is found. */
  readonly at: string | RegExp;
  /** Other rules that have to say something about it. */
  readonly also?: readonly string[];
  /** `--fix` leaves nothing to be found. */
  readonly fixed?: true;
}

const NOBODY = 65534;
const STAFF = 50;

function addUser(jail: string, line: string): void {
  appendFileSync(`${jail}/etc/passwd`, `${line}\n`);
}

/** Changes what the manifest says: of each entry, and of the version of all packages. */
function rewrite(jail: string, change: (entry: Recorded) => Recorded, version?: string): void {
  const manifest = manifestOf(jail);
  const packages = Object.entries(manifest.packages).map(([name, now]) => [name, version ?? now] as const);
  const changed = {
    ...manifest,
    packages: Object.fromEntries(packages),
    entries: manifest.entries.map((entry) => change(entry)),
  };
  writeFileSync(`${jail}/.uchroot/manifest.json.gz`, writeManifest(changed));
}

/** Mounts the jail on itself with other flags. */
function remount(jail: string, t: Test, flags: string): void {
  mount(t, '--bind', jail, jail);
  must(['mount', '-o', `remount,bind,${flags}`, jail]);
}

/** Compiles a program, or a library, that does nothing. */
function compileInto(jail: string, path: string, ...options: readonly string[]): void {
  const source = `${jail}-source.c`;
  writeFileSync(source, 'int main(void) { return 0; }\n');
  must(['gcc', '-o', `${jail}${path}`, source, ...options]);
}

/** A cache of the loader that names one library, as if it were the first of the host's. */
function writeLoaderCache(jail: string, path: string): void {
  const { entries } = readCache(readFileSync('/etc/ld.so.cache'));
  const [first] = entries;
  if (first === undefined) throw new Error('the cache is empty');
  const entry = { name: first.name, flags: first.flags, path: bytePath(path) };
  writeFileSync(`${jail}/etc/ld.so.cache`, writeCache([entry], 'little'));
}

// Stays, and uses nothing, until it is killed.
const SCRIPT = ['/usr/bin/bash', '-c', 'echo up; kill -STOP $$'];

function run(t: Test, jail: string, before: readonly string[], fd?: number): Promise<unknown> {
  const options = fd === undefined ? {} : { fd };
  return beginProcess(t, [...before, jail, ...SCRIPT], options);
}

export const defects: readonly Defect[] = [
  {
    rule: 'path-owner',
    plant: (jail) => chownSync(jail, NOBODY, 0),
    at: '/',
    fixed: true,
  },
  {
    rule: 'path-writable',
    plant: (jail) => {
      chownSync(jail, 0, STAFF);
      chmodSync(jail, 0o775);
    },
    at: '/',
    fixed: true,
  },
  {
    rule: 'path-mount', // an image that a user may write to
    plant: (jail, t) => {
      const image = `${makeDirectory(t)}/image`;
      must(['truncate', '-s', '2M', image]);
      must(['mkfs.ext4', '-q', image]);
      chownSync(image, NOBODY, NOBODY);
      mkdirSync(`${jail}/srv`);
      mount(t, '-o', 'loop,nosuid,nodev', image, `${jail}/srv`);
    },
    at: /\/srv$/,
  },
  {
    rule: 'path-mount', // a layer that a user may write to
    plant: (jail, t) => {
      const base = makeDirectory(t);
      for (const name of ['lower', 'upper']) mkdirSync(`${base}/${name}`);
      mount(t, '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', `${base}/upper`);
      for (const name of ['upper', 'work']) mkdirSync(`${base}/upper/${name}`);
      chownSync(`${base}/lower`, NOBODY, NOBODY);
      mkdirSync(`${jail}/srv`);
      const layers = `lowerdir=${base}/lower,upperdir=${base}/upper/upper,workdir=${base}/upper/work`;
      mount(t, '-t', 'overlay', '-o', `nosuid,nodev,${layers}`, 'overlay', `${jail}/srv`);
      chownSync(`${jail}/srv`, 0, 0);
    },
    at: /\/srv$/,
  },
  { rule: 'path-closed', plant: (jail) => chmodSync(jail, 0o700), at: '/', fixed: true },
  { rule: 'mount-noexec', plant: (jail, t) => remount(jail, t, 'noexec'), at: '/' },
  { rule: 'mount-nodev', plant: (jail, t) => remount(jail, t, 'nodev'), at: '/dev/null' },
  {
    rule: 'mount-nosuid',
    plant: (jail, t) => {
      rewrite(jail, (entry) => (entry.path === '/usr/bin/ls' ? { ...entry, keepPrivileges: true } : entry));
      remount(jail, t, 'nosuid');
    },
    at: '/usr/bin/ls',
  },
  {
    rule: 'set-user-id',
    plant: (jail) => chmodSync(`${jail}/usr/bin/ls`, 0o4755),
    at: '/usr/bin/ls',
    fixed: true,
  },
  {
    rule: 'set-group-id',
    plant: (jail) => chmodSync(`${jail}/usr/bin/ls`, 0o2755),
    at: '/usr/bin/ls',
    fixed: true,
  },
  {
    rule: 'file-capabilities',
    plant: (jail) => void must(['setcap', 'cap_net_raw+ep', `${jail}/usr/bin/ls`]),
    at: '/usr/bin/ls',
    fixed: true,
  },
  {
    rule: 'device-node',
    plant: (jail) => void must(['mknod', `${jail}/dev/kmem`, 'c', '1', '2']),
    at: '/dev/kmem',
  },
  {
    rule: 'device-mode',
    plant: (jail) => chownSync(`${jail}/dev/null`, NOBODY, 0),
    at: '/dev/null',
    fixed: true,
  },
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
    plant: async (jail, t) => {
      const program = `import os, socket, sys
os.setgroups([])
os.setgid(${NOBODY})
os.setuid(${NOBODY})
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print('up', flush=True)
server.accept()`;
      await beginProcess(t, ['python3', '-c', program, `${jail}/tmp/app.sock`]);
    },
    at: '/tmp/app.sock',
  },
  {
    rule: 'host-socket', // in a directory of the host, which is not looked into
    plant: async (jail, t) => {
      const run = makeDirectory(t);
      const program = `require('net').createServer().listen(process.argv[1], () => console.log('up'))`;
      await beginProcess(t, [process.execPath, '-e', program, `${run}/docker.sock`]);
      mkdirSync(`${jail}/run`);
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
      mkdirSync(`${jail}/proc`);
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
      mkdirSync(`${jail}/run`);
      mount(t, '--bind', host, `${jail}/run`);
    },
    at: '/run',
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
  {
    rule: 'manifest',
    plant: (jail) => chmodSync(`${jail}/.uchroot/manifest.json.gz`, 0o666),
    at: '/.uchroot/manifest.json.gz',
    also: ['upload-exec'], // nobody knows that /tmp was meant so
  },
  {
    rule: 'no-manifest',
    plant: (jail) => rmSync(`${jail}/.uchroot/manifest.json.gz`),
    at: '/.uchroot/manifest.json.gz',
    also: ['upload-exec'], // nobody knows that /tmp was meant so
  },
  {
    rule: 'changed',
    plant: (jail) => {
      const content = readFileSync(`${jail}/usr/bin/ls`);
      content[5000] = (content[5000] ?? 0) ^ 1;
      writeFileSync(`${jail}/usr/bin/ls`, content);
    },
    at: '/usr/bin/ls',
    fixed: true,
  },
  {
    rule: 'edited',
    plant: (jail) => appendFileSync(`${jail}/etc/passwd`, '# by hand\n'),
    at: '/etc/passwd',
  },
  {
    rule: 'missing',
    plant: (jail) => rmSync(`${jail}/usr/bin/ls`),
    at: '/usr/bin/ls',
    also: ['idle-library'],
    fixed: true,
  },
  { rule: 'mode', plant: (jail) => chmodSync(`${jail}/usr/bin/ls`, 0o700), at: '/usr/bin/ls', fixed: true },
  {
    rule: 'owner',
    plant: (jail) => chownSync(`${jail}/usr/bin/ls`, 0, STAFF),
    at: '/usr/bin/ls',
    fixed: true,
  },
  { rule: 'extra', plant: (jail) => writeFileSync(`${jail}/usr/bin/x`, 'x'), at: '/usr/bin/x' },
  {
    rule: 'writable-code',
    plant: (jail) => {
      chownSync(`${jail}/usr/bin/ls`, 0, STAFF);
      chmodSync(`${jail}/usr/bin/ls`, 0o775);
    },
    at: '/usr/bin/ls',
    fixed: true,
  },
  {
    rule: 'writable-directory',
    plant: (jail) => chmodSync(`${jail}/usr/bin`, 0o1777),
    at: '/usr/bin',
    fixed: true,
  },
  {
    rule: 'writable-directory', // by whose owner the null device can be exchanged
    plant: (jail) => chownSync(`${jail}/dev`, NOBODY, 0),
    at: '/dev',
    fixed: true,
  },
  {
    rule: 'default-acl',
    plant: (jail) => void must(['setfacl', '-d', '-m', 'u:daemon:rwx', `${jail}/usr/lib`]),
    at: '/usr/lib',
    fixed: true,
  },
  {
    rule: 'writable-code', // a module is no program
    plant: (jail) => {
      mkdirSync(`${jail}/usr/lib/python3/dist-packages`, { recursive: true });
      writeFileSync(`${jail}/usr/lib/python3/dist-packages/sitecustomize.py`, '');
      chownSync(`${jail}/usr/lib/python3/dist-packages/sitecustomize.py`, NOBODY, 0);
    },
    at: '/usr/lib/python3/dist-packages/sitecustomize.py',
    also: ['extra'],
  },
  {
    rule: 'writable-target',
    plant: (jail) => {
      symlinkSync('../tmp/hosts', `${jail}/etc/hosts`);
      writeFileSync(`${jail}/tmp/hosts`, '');
      chownSync(`${jail}/tmp/hosts`, NOBODY, NOBODY);
    },
    at: '/etc/hosts',
  },
  {
    rule: 'loader-directory',
    plant: (jail) => {
      mkdirSync(`${jail}/etc/ld.so.conf.d`);
      writeFileSync(`${jail}/etc/ld.so.conf`, 'include /etc/ld.so.conf.d/*.conf\n');
      writeFileSync(`${jail}/etc/ld.so.conf.d/app.conf`, '/tmp/lib\n');
    },
    at: '/tmp',
    also: ['extra'],
  },
  {
    rule: 'loader-directory', // by way of the cache that was made from it
    plant: (jail) => writeLoaderCache(jail, '/tmp/lib/libc.so.6'),
    at: '/tmp',
    also: ['extra'],
  },
  {
    rule: 'search-path',
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,-rpath,/tmp/lib', '-Wl,--enable-new-dtags'),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // that counts for the libraries of its libraries too
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,-rpath,/tmp/lib', '-Wl,--disable-new-dtags'),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // $ORIGIN
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,-rpath,$ORIGIN/../../tmp/lib'),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // the directory in which it is started
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,-rpath,lib'),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // an empty element is that directory as well
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,-rpath,/usr/lib:'),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // a library, of which nobody says that it is executed
    plant: (jail) => {
      compileInto(jail, '/usr/lib/libx.so', '-Wl,-rpath,/tmp/lib', '-shared', '-fPIC');
      chmodSync(`${jail}/usr/lib/libx.so`, 0o644);
    },
    at: '/usr/lib/libx.so',
    also: ['extra'],
  },
  {
    rule: 'search-path', // the loader itself
    plant: (jail) => compileInto(jail, '/usr/bin/x', '-Wl,--dynamic-linker,/tmp/ld.so'),
    at: '/usr/bin/x',
    also: ['extra', 'unresolved'],
  },
  {
    rule: 'search-path', // an interpreter
    plant: (jail) => {
      writeFileSync(`${jail}/usr/bin/x`, '#!/tmp/python\n', { mode: 0o755 });
      copyFileSync(`${jail}/usr/bin/bash`, `${jail}/tmp/python`);
      chmodSync(`${jail}/tmp/python`, 0o644);
      chownSync(`${jail}/tmp/python`, NOBODY, NOBODY);
    },
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'search-path', // modules of Python
    plant: (jail) => {
      mkdirSync(`${jail}/usr/lib/python3/dist-packages`, { recursive: true });
      writeFileSync(`${jail}/usr/lib/python3/dist-packages/app.pth`, '# a comment\n/tmp/app\n');
    },
    at: '/usr/lib/python3/dist-packages/app.pth',
    also: ['extra'],
  },
  { rule: 'unread', plant: (jail) => makeDeep(`${jail}/tmp`, 1100), at: `/tmp${'/d'.repeat(1000)}` },
  {
    rule: 'sticky',
    plant: (jail) => chmodSync(`${jail}/tmp`, 0o777),
    at: '/tmp',
    fixed: true,
  },
  {
    rule: 'upload-exec',
    plant: (jail) => {
      mkdirSync(`${jail}/srv`);
      chownSync(`${jail}/srv`, NOBODY, NOBODY);
    },
    at: '/srv',
  },
  {
    rule: 'upload-exec', // on a file system of its own
    plant: (jail, t) => {
      mkdirSync(`${jail}/srv`);
      mount(t, '-t', 'tmpfs', '-o', 'nosuid,nodev,mode=1777', 'tmpfs', `${jail}/srv`);
    },
    at: '/srv',
  },
  {
    rule: 'covered', // by which uploads are hidden, not checked
    plant: (jail, t) => {
      mkdirSync(`${jail}/srv`);
      writeFileSync(`${jail}/srv/upload`, '#!/bin/sh\n', { mode: 0o4755 });
      mount(t, '-t', 'tmpfs', '-o', 'noexec,nosuid,nodev,mode=1777', 'tmpfs', `${jail}/srv`);
    },
    at: '/srv',
  },
  {
    rule: 'uploaded-program',
    plant: (jail) => writeFileSync(`${jail}/tmp/x`, '#!/usr/bin/bash\n', { mode: 0o755 }),
    at: '/tmp/x',
  },
  {
    rule: 'world-writable',
    plant: (jail) => {
      writeFileSync(`${jail}/tmp/x`, 'x');
      chmodSync(`${jail}/tmp/x`, 0o666);
    },
    at: '/tmp/x',
    fixed: true,
  },
  {
    rule: 'uid-zero',
    plant: (jail) => addUser(jail, 'toor:x:0:0::/:/usr/bin/bash'),
    at: '/etc/passwd',
    also: ['edited'],
  },
  {
    rule: 'account-differs',
    plant: (jail) => addUser(jail, `daemon:x:${NOBODY}:${NOBODY}::/:/usr/bin/bash`),
    at: '/etc/passwd',
    also: ['edited'],
  },
  {
    rule: 'account-differs', // the number of somebody else
    plant: (jail) => addUser(jail, `twin:x:1:1::/:/usr/bin/bash`),
    at: '/etc/passwd',
    also: ['edited', 'idle-account'],
  },
  {
    rule: 'password-hash',
    plant: (jail) => addUser(jail, `hashed:$6$salt$hash:12345:12345::/:/usr/bin/bash`),
    at: '/etc/passwd',
    also: ['edited', 'idle-account'],
  },
  {
    rule: 'password-hash', // of a group
    plant: (jail) =>
      writeFileSync(`${jail}/etc/gshadow`, 'other:!::\nhashed:$6$salt$hash::\nhashed:$1$a$b::\n'),
    at: '/etc/gshadow',
    also: ['extra', 'secret'],
  },
  {
    rule: 'secret',
    plant: (jail) => writeFileSync(`${jail}/tmp/x`, 'x\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl'),
    at: '/tmp/x',
  },
  {
    rule: 'secret',
    plant: (jail) => {
      mkdirSync(`${jail}/tmp/.aws`);
      writeFileSync(`${jail}/tmp/.aws/credentials`, 'x');
    },
    at: '/tmp/.aws/credentials',
  },
  {
    rule: 'secret',
    plant: (jail) => {
      mkdirSync(`${jail}/root`);
      writeFileSync(`${jail}/root/.zhistory`, 'x');
    },
    at: '/root/.zhistory',
    also: ['extra'],
  },
  {
    rule: 'secret', // by their names: these are binary
    plant: (jail) => {
      for (const name of ['store.p12', 'store.jks']) writeFileSync(`${jail}/tmp/${name}`, 'x');
    },
    at: /^\/tmp\/store/,
  },
  {
    rule: 'idle-account',
    plant: (jail) => addUser(jail, 'idle:x:12345:12345::/:/usr/bin/bash'),
    at: '/etc/passwd',
    also: ['edited'],
  },
  {
    rule: 'outdated',
    plant: (jail) => {
      const isFree = ({ package: name, source }: Recorded) => name === undefined && source !== undefined;
      rewrite(jail, (entry) => (isFree(entry) ? { ...entry, mtimeMs: 1 } : entry), '0.1');
    },
    at: '/usr/bin/bash',
  },
  {
    rule: 'idle-library',
    plant: (jail) => rmSync(`${jail}/usr/bin/ls`),
    at: /^\/usr\/lib\/.*\.so/,
    also: ['missing'],
  },
  {
    rule: 'unresolved',
    plant: (jail) => writeFileSync(`${jail}/usr/bin/x`, '#!/usr/bin/absent\n', { mode: 0o755 }),
    at: '/usr/bin/x',
    also: ['extra'],
  },
  {
    rule: 'unresolved', // by an interpreter that is in the jail only, and not executable by itself
    plant: (jail) => {
      writeFileSync(`${jail}/usr/bin/x`, '#!/usr/bin/only-here\n', { mode: 0o755 });
      writeFileSync(`${jail}/usr/bin/only-here`, '#!/usr/bin/absent\n', { mode: 0o755 });
    },
    at: '/usr/bin/only-here',
    also: ['extra'],
  },
  {
    rule: 'dangling-link',
    plant: (jail) => symlinkSync('/nowhere', `${jail}/usr/bin/x`),
    at: '/usr/bin/x',
  },
  {
    rule: 'dev-null',
    plant: (jail) => rmSync(`${jail}/dev/null`),
    at: '/dev/null',
    fixed: true,
  },
  {
    rule: 'device-mode',
    plant: (jail) => chmodSync(`${jail}/dev/null`, 0o600),
    at: '/dev/null',
    fixed: true,
  },
  {
    rule: 'dev-null', // a file, which somebody may have written to
    plant: (jail) => {
      rmSync(`${jail}/dev/null`);
      writeFileSync(`${jail}/dev/null`, 'written to');
    },
    at: '/dev/null',
    fixed: true,
  },
  {
    rule: 'dev-null', // with the directory
    plant: (jail) => rmSync(`${jail}/dev`, { recursive: true }),
    at: '/dev/null',
    also: ['missing'],
    fixed: true,
  },
  {
    rule: 'root-process',
    plant: async (jail, t) => void (await run(t, jail, ['setpriv', '--no-new-privs', 'chroot'])),
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
