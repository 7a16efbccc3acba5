// Defects of uploads, accounts and secrets, and of what is too old or does not work.
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Recorded } from '../../../../lib/jail/manifest/manifest.ts';
import { mount } from '../../template.ts';
import { type Defect, NOBODY, addUser, rewrite } from './defect.ts';

export const dataDefects: readonly Defect[] = [
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
    also: ['edited'],
  },
  {
    rule: 'password-hash',
    plant: (jail) => addUser(jail, `hashed:$6$salt$hash:12345:12345::/:/usr/bin/bash`),
    at: '/etc/passwd',
    also: ['edited'],
  },
  {
    rule: 'password-hash', // of a group
    plant: (jail) =>
      writeFileSync(`${jail}/etc/gshadow`, 'other:!::\nhashed:$6$salt$hash::\nhashed:$1$a$b::\n'),
    at: '/etc/gshadow',
    also: ['secret'],
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
    rule: 'outdated',
    plant: (jail) => {
      const isFree = ({ package: name, source }: Recorded) => name === undefined && source !== undefined;
      rewrite(jail, (entry) => (isFree(entry) ? { ...entry, mtimeMs: 1 } : entry), '0.1');
    },
    at: '/usr/bin/bash',
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
];
