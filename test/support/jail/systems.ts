// Made-up Debian systems that several tests choose from.

import { bytePath } from '../../../lib/tree/path.ts';
import { type Choice, choose } from '../../../lib/jail/dpkg/choice.ts';
import { openPackages } from '../../../lib/jail/dpkg/database.ts';
import { openReading } from '../../../lib/jail/dpkg/choice-state.ts';
import { finish } from '../steps.ts';
import { elfWithStrings, makeSystem, type MadeSystem } from './debian.ts';

/** Paths are programs, names are packages. */
export function chooseFrom(system: MadeSystem, ...asked: readonly string[]): Choice {
  const root = makeSystem(system);
  const packages = openPackages(root);
  if (packages === undefined) throw new Error('no database');
  return finish(
    choose(openReading(root, packages), {
      programs: asked.filter((name) => name.startsWith('/')).map((path) => bytePath(path)),
      packages: asked.filter((name) => !name.startsWith('/')).flatMap((name) => packages.find(name) ?? []),
    }),
  );
}

export const paths = ({ files }: Choice) => files.map(({ path }) => path as string).toSorted();
export const names = ({ packages }: Choice) => packages.map((entry) => entry.package.name).toSorted();

/** The essential packages of every system, or what is left of them. */
export const base: MadeSystem = {
  packages: {
    coreutils: {
      control: 'Essential: yes\nPre-Depends: libselinux1',
      files: {
        '/usr/bin/ls': elfWithStrings('dir', '/usr/share/locale'),
        '/usr/bin/dir': elfWithStrings(),
        '/usr/bin/stdbuf': elfWithStrings('/usr/libexec/coreutils'),
        '/usr/libexec/coreutils/libstdbuf.so': '',
        '/usr/bin/test': elfWithStrings(),
        '/usr/bin/seq': elfWithStrings(),
      },
    },
    libselinux1: { files: { '/usr/share/selinux/x': '' } },
    bash: {
      control: 'Essential: yes\nDepends: debianutils',
      files: { '/usr/bin/bash': elfWithStrings('ls'), '/etc/bash.bashrc': '', '/etc/skel/.bashrc': '' },
    },
    debianutils: { control: 'Essential: yes', files: { '/usr/bin/which': '#!/bin/sh\n' } },
    'perl-base': {
      control: 'Essential: yes\nSource: perl',
      files: {
        '/usr/bin/perl': elfWithStrings('/usr/lib/x86_64-linux-gnu/perl-base'),
        '/usr/lib/x86_64-linux-gnu/perl-base/List/Util.pm': '',
        '/usr/lib/x86_64-linux-gnu/libother.so': '',
      },
    },
    dash: { control: 'Essential: yes', files: { '/usr/bin/sh': elfWithStrings() } },
    gzip: {
      control: 'Essential: yes',
      files: { '/usr/bin/gzip': elfWithStrings(), '/usr/bin/zcat': '#!/bin/sh\nexec gzip -cd "$@"\n' },
    },
    mawk: { control: 'Provides: awk', files: { '/usr/bin/mawk': elfWithStrings() } },
  },
  files: {
    '/var/lib/dpkg/alternatives/awk': 'auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\n\n/usr/bin/mawk\n5\n\n',
    '/etc/alternatives/awk': { link: '/usr/bin/mawk' },
    '/etc/alternatives/nawk': { link: '/usr/bin/mawk' },
    '/usr/bin/awk': { link: '/etc/alternatives/awk' },
    '/usr/bin/nawk': { link: '/etc/alternatives/nawk' },
  },
};
