// Defects of the place of a jail, and of the privileges in it.
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { makeDirectory } from '../../directory.ts';
import { mount, must } from '../../template.ts';
import { type Defect, NOBODY, STAFF, remount, rewrite } from './defect.ts';

export const placeDefects: readonly Defect[] = [
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
    rule: 'device-mode',
    plant: (jail) => chmodSync(`${jail}/dev/null`, 0o600),
    at: '/dev/null',
    fixed: true,
  },
];
