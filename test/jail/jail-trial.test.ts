import t from 'tap';

import { complaintOf } from '../../lib/jail/jail-trial.ts';

const said = (output: string) => complaintOf('/usr/bin/p --version', '/srv/jail', output);

t.test(
  'a program that fails for want of a file of its own is quoted, with the line that may bring it',
  async (t) => {
    t.equal(
      said("erlexec: The emulator 'smp' does not exist."),
      "/usr/bin/p --version fails in the jail: erlexec: The emulator 'smp' does not exist.; " +
        "uchroot-jail build /srv/jail --learn '/usr/bin/p --version' adds what it opens on the host",
    );
    for (const line of [
      'sh: 1: rm: not found',
      'cannot open shared object x',
      'error: could not load library',
      "Can't locate Foo.pm in @INC",
      "ModuleNotFoundError: No module named 'yaml'",
      'cannot load such file -- nokogiri (LoadError)',
    ])
      t.match(said(`first\n${line}\n`), line);
  },
);

t.test('the command that mounts /proc is told to a program that needs it', async (t) => {
  const mount = 'mount -t proc proc /srv/jail/proc gives it that';
  t.match(said('Mono requires /proc to be mounted.'), mount);
  t.match(said('open in parse_proc_meminfo failed: No such file or directory'), mount);
  t.match(said('bash: /dev/fd/63: No such file or directory'), mount, 'a link to /proc/self/fd');
  const output = 'go: cannot find GOROOT directory';
  t.match(complaintOf('go version', '/srv/jail', output, true), mount, 'a program that reads /proc/self/exe');
});

t.test('a program that only does not know the option complains of nothing', async (t) => {
  for (const line of [
    'p: unrecognized option --version',
    'p: --version: No such file or directory',
    'sh: 0: Illegal option --',
    'usage: p [file not found]',
    'Segmentation fault',
    '',
  ])
    t.equal(said(line), undefined, line);
});
