// Packages that are told as further parts of a program.

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { openPackages } from '../../../lib/jail/dpkg/database.ts';
import { extensionsOf } from '../../../lib/jail/dpkg/suggestions.ts';
import { elfWithStrings, makeSystem, type MadeSystem } from '../../support/jail/debian.ts';

function extensionsFor(system: MadeSystem, name: string, ...programs: readonly string[]): readonly string[] {
  // others have /usr/lib too
  const root = makeSystem({ packages: { ...system.packages, other: { files: { '/usr/lib/other': '' } } } });
  const packages = openPackages(root);
  const pkg = packages?.find(name);
  if (packages === undefined || pkg === undefined) throw new Error(`no package ${name}`);
  return extensionsOf(root, packages, pkg, programs.map(bytePath)).map((other) => other.name);
}

const program = elfWithStrings();

t.test('ssh is not told of sftp-server, and git is of its own further commands', async (t) => {
  const part = (source: string) => `Source: ${source}\nDepends: ${source}`;
  const ssh: MadeSystem = {
    packages: {
      openssh: { files: { '/usr/bin/ssh': program, '/usr/lib/openssh/ssh-keysign': program } },
      'openssh-sftp-server': {
        control: part('openssh'),
        files: { '/usr/lib/openssh/sftp-server': program },
      },
    },
  };
  t.same(extensionsFor(ssh, 'openssh', '/usr/bin/ssh'), []);
  const git: MadeSystem = {
    packages: {
      git: { files: { '/usr/bin/git': program, '/usr/lib/git-core/git-log': program } },
      'git-email': {
        control: part('git'),
        files: { '/usr/lib/git-core/git-send-email': '#!/usr/bin/perl\n' },
      },
    },
  };
  t.same(extensionsFor(git, 'git', '/usr/bin/git'), ['git-email']);
});

t.test('a plugin or data in a directory of the package is a further part', async (t) => {
  const control = 'Source: postfix\nDepends: postfix';
  const system: MadeSystem = {
    packages: {
      postfix: { files: { '/usr/sbin/postfix': program, '/usr/lib/postfix/postfix-pgsql.so': program } },
      'postfix-pcre': { control, files: { '/usr/lib/postfix/postfix-pcre.so': program } },
      'postfix-data': { control, files: { '/usr/lib/postfix/table': '' } },
      'postfix-tool': { control, files: { '/usr/lib/postfix/tool': program } },
    },
  };
  t.same(extensionsFor(system, 'postfix', '/usr/sbin/postfix'), ['postfix-pcre', 'postfix-data']);
});
