// Defects of programs and configuration.
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { makeDeep, must } from '../../template.ts';
import { type Defect, NOBODY, STAFF, compileInto, writeLoaderCache } from './defect.ts';

export const tamperDefects: readonly Defect[] = [
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
    // as an update leaves it that is killed after it has decided its change
    rule: 'interrupted',
    plant: (jail) => {
      mkdirSync(`${jail}/.uchroot/new`, { mode: 0o700 });
      const files = [{ staged: '/.uchroot/new/0', path: '/usr/bin/ls' }];
      const list = { files, attributes: [], obsolete: [] };
      writeFileSync(`${jail}/.uchroot/new/commit`, JSON.stringify(list));
      renameSync(`${jail}/usr/bin/ls`, `${jail}/.uchroot/new/0`);
    },
    at: '/',
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
];
