// The help of each command of uchroot-jail, uchroot-tcpd, uchroot-inetd and uchroot-service is about that command.
import { spawnSync } from 'node:child_process';

import t from 'tap';

import type { Option } from '../../lib/values/command-option.ts';
import type { Command } from '../../lib/bin/dispatch.ts';
import { inetdCommands } from '../../lib/bin/inetd/inetd-commands.ts';
import { commands as jailCommands } from '../../lib/bin/jail/jail-commands.ts';
import { serviceCommands } from '../../lib/bin/service-commands.ts';
import { tcpdCommands } from '../../lib/bin/tcpd/tcpd-commands.ts';
import { fileOptions } from '../../lib/bin/tcpd/tcpd-options.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

const env = { PATH: process.env.PATH, ...sanitizerEnv };

type Commands = Readonly<Record<string, Pick<Command<never>, 'synopsis' | 'options'>>>;

const programs: readonly (readonly [name: string, commands: Commands, shared: readonly Option[]])[] = [
  ['uchroot-inetd', inetdCommands, []],
  ['uchroot-jail', jailCommands, []],
  ['uchroot-service', serviceCommands, []],
  ['uchroot-tcpd', tcpdCommands, fileOptions],
];

for (const [program, commands, shared] of programs)
  for (const [word, { synopsis, options }] of Object.entries(commands))
    t.test(`${program} ${word} --help has the options of ${word}, and no other command`, async (t) => {
      const file = `${import.meta.dirname}/../../bin/${program}.cjs`;
      const { status, stdout, stderr } = spawnSync(process.execPath, [file, word, '--help'], {
        encoding: 'utf8',
        env,
      });
      t.equal(stderr, '');
      t.equal(status, 0);
      const [first, empty, purpose = ''] = stdout.split('\n');
      t.equal(first, `Usage: ${program} ${synopsis}`);
      t.equal(empty, '');
      t.match(purpose, /^[A-Z].*\.$/);
      t.equal(stdout.match(new RegExp(`${program} `, 'g'))?.length, 1, 'one synopsis');
      t.same(
        [...stdout.matchAll(/^ {2}--(\S+)/gm)].map(([, name]) => name),
        [...options, ...shared].map(({ name }) => name).concat('help'),
      );
      t.equal(stdout.includes('\nPacks:\n'), program === 'uchroot-jail' && word === 'build');
    });
