// Each row of the tables of foreign words, followed: the option or command that it names exists, and takes the value that it shows.
import t from 'tap';

import { readArguments, readMixed } from '../../../lib/bin/arguments.ts';
import { ofCommandLine } from '../../../lib/bin/inetd/inetd-serve.ts';
import { inetdCommands } from '../../../lib/bin/inetd/inetd-commands.ts';
import { commands as jailCommands } from '../../../lib/bin/jail/jail-commands.ts';
import { foreignInetdCommands, foreignInetdOptions } from '../../../lib/bin/mistakes/foreign-inetd-words.ts';
import { foreignJailCommands, foreignJailOptions } from '../../../lib/bin/mistakes/foreign-jail-words.ts';
import { foreignOptions, usualOptions } from '../../../lib/bin/mistakes/foreign-options.ts';
import { serviceCommands } from '../../../lib/bin/service-commands.ts';
import { tcpdCommands } from '../../../lib/bin/tcpd/tcpd-commands.ts';
import { fileOptions, foreignCommands, foreignTcpdOptions } from '../../../lib/bin/tcpd/tcpd-options.ts';
import {
  foreignServiceCommands,
  foreignServiceOptions,
} from '../../../lib/bin/mistakes/foreign-service-words.ts';
import { commandOptions, requestKeys } from '../../../lib/bin/uchroot-options.ts';
import { help, version } from '../../../lib/bin/dispatch.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import type { Option } from '../../../lib/values/command-option.ts';
import type { Foreign } from '../../../lib/words/nearest.ts';

const words = (text: string) =>
  text
    .replace('SOURCE:DEST', '/srv:/mnt')
    .replace(/\b(?:N|BYTES)\b/, '4096')
    .split(' ')
    .map((text) => ({ text, bytes: Buffer.from(text) }));

type Commands = Readonly<Record<string, { readonly options: readonly Option[] }>>;

const optionsOfAll = (commands: Commands): readonly Option[] => [
  ...Object.values(commands).flatMap(({ options }) => options),
  help,
  version,
];

for (const [program, table, known] of [
  ['uchroot', foreignOptions, commandOptions()],
  ['uchroot-inetd', foreignInetdOptions, [...ofCommandLine, ...optionsOfAll(inetdCommands)]],
  ['uchroot-jail', foreignJailOptions, optionsOfAll(jailCommands)],
  ['uchroot-tcpd', foreignTcpdOptions, [...fileOptions, ...optionsOfAll(tcpdCommands)]],
  ['uchroot-service', foreignServiceOptions, optionsOfAll(serviceCommands)],
] as readonly (readonly [string, Foreign, readonly Option[]])[])
  t.test(`options that ${program} does not have lead to one that it has`, async (t) => {
    const names = new Set(known.map(({ name }) => name));
    for (const [foreign, meant] of Object.entries(table)) {
      // the table of several programs, one of which may lack the option
      const shared = program === 'uchroot-inetd' ? foreignOptions : usualOptions;
      if (shared[foreign] === meant && !names.has(meant)) continue;
      const [, written] = /^write ((?:--[\w-]+(?: [^-,\s]\S*)?(?: |$))+)/.exec(meant) ?? [];
      if (written !== undefined)
        t.doesNotThrow(() => readMixed(words(written.trim()), known), `${foreign}: ${meant}`);
      else if (meant.includes(' '))
        t.match(
          meant,
          /uchroot|^programs are words|^DIRECTORY is|^the limits are|^write --(?:rootless|version)/,
          foreign,
        );
      else t.ok(names.has(meant), `${foreign}: ${meant}`);
    }
  });

for (const [program, table, commands] of [
  ['uchroot-inetd', foreignInetdCommands, inetdCommands],
  ['uchroot-jail', foreignJailCommands, jailCommands],
  ['uchroot-tcpd', foreignCommands, tcpdCommands],
  ['uchroot-service', foreignServiceCommands, serviceCommands],
] as readonly (readonly [string, Foreign, Commands])[])
  t.test(`commands that ${program} does not have lead to one that it has`, async (t) => {
    for (const [foreign, meant] of Object.entries(table)) {
      t.notOk(Object.hasOwn(commands, foreign), foreign);
      const [, ours] = /^uchroot-\w+ (\w+)/.exec(meant) ?? [];
      t.ok(
        Object.hasOwn(commands, ours ?? meant) ||
          /^(?:uchroot USER DIRECTORY|write (?:systemctl|journalctl) )/.test(meant),
        `${foreign}: ${meant}`,
      );
    }
  });

t.test('a launch takes what the hints for its options show', async (t) => {
  for (const meant of Object.values(foreignOptions)) {
    const [, written] = /^write ((?:--[\w-]+(?: [^-,\s]\S*)?(?: |$))+)/.exec(meant) ?? [];
    if (written === undefined || written.startsWith('--format')) continue;
    const { options } = readArguments(words(written.trim()), commandOptions());
    const request = { user: 'sam', jail: '/srv/jail', ...requestKeys(options) };
    t.doesNotThrow(() => normalize(request), meant);
  }
});
