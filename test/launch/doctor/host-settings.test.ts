// What explains a refusal, and the remedy, for hosts that this one is not.
import t from 'tap';

import {
  readSettings,
  whyNoMount,
  whyNoProc,
  whyNoUserNamespace,
  type Settings,
} from '../../../lib/launch/doctor/host-settings.ts';

const open: Settings = {
  maxUserNamespaces: '96365',
  usernsClone: undefined,
  apparmorRestricts: undefined,
  apparmorProfile: undefined,
  seccomp: '0',
  mountPoints: ['/', '/proc', '/sys'],
  executable: '/usr/bin/node',
};

t.test('nothing explains a refusal on a host that allows all', async (t) => {
  for (const settings of [
    open,
    { ...open, usernsClone: '1', apparmorRestricts: '0', apparmorProfile: 'unconfined' },
  ]) {
    t.equal(whyNoUserNamespace(settings), undefined);
    t.equal(whyNoMount(settings), undefined);
    t.equal(whyNoProc(settings), undefined);
  }
});

for (const [host, settings, reason, remedy] of [
  [
    'limits of 0',
    { maxUserNamespaces: '0' },
    /max_user_namespaces is 0/,
    /sysctl -w user\.max_user_namespaces=15000/,
  ],
  [
    'Debian before 11',
    { usernsClone: '0' },
    /unprivileged_userns_clone is 0/,
    /sysctl -w kernel\.unprivileged_userns_clone=1/,
  ],
  [
    'Ubuntu from 24.04 on',
    { apparmorRestricts: '1', apparmorProfile: 'unconfined' },
    /apparmor_restrict_unprivileged_userns is 1/,
    /profile uchroot-node \/usr\/bin\/node flags=\(unconfined\) \{\\n {2}userns,\\n\}\\n' >\/etc\/apparmor\.d\/uchroot-node && apparmor_parser -r/,
  ],
  [
    'docker',
    { seccomp: '2', apparmorProfile: 'docker-default (enforce)' },
    /filter of system calls/,
    /--security-opt seccomp=FILE/,
  ],
  [
    'docker without a filter',
    { apparmorProfile: 'docker-default (enforce)' },
    /docker-default \(enforce\)/,
    /apparmor=unconfined/,
  ],
  ['a chroot', { mountPoints: ['/proc'] }, /no mount/, /outside of the chroot/],
] as const)
  t.test(`${host}: the setting and what changes it`, async (t) => {
    const cause = whyNoUserNamespace({ ...open, ...settings });
    t.match(cause?.reason, reason);
    t.match(cause?.remedy, remedy);
  });

t.test('a refused mount is explained by profile or filter', async (t) => {
  t.match(
    whyNoMount({ ...open, apparmorProfile: 'docker-default (enforce)' })?.remedy,
    /apparmor=unconfined/,
  );
  t.match(whyNoMount({ ...open, seccomp: '2' })?.remedy, /seccomp=FILE/);
});

t.test('masks of /proc are named', async (t) => {
  const mountPoints = ['/', '/proc', '/proc/kcore', '/proc/keys', '/proc/acpi', '/proc/bus'];
  const cause = whyNoProc({ ...open, mountPoints });
  t.match(cause?.reason, '/proc/kcore, /proc/keys, /proc/acpi and 1 more are mounts');
  t.match(cause?.remedy, /systempaths=unconfined/);
});

t.test('the settings of this host can be read', async (t) => {
  const { maxUserNamespaces = '', seccomp = '', mountPoints, executable } = readSettings();
  t.match(maxUserNamespaces, /^\d+$/);
  t.match(seccomp, /^[012]$/);
  t.ok(mountPoints.includes('/'));
  t.equal(executable, process.execPath);
});
