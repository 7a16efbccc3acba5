// doc/services.md: its commands are run, and print what the page says.
import t from 'tap';

import { bootMachine, unlessMachine, type Machine } from '../../support/machine.ts';
import { readBlocks, readCommands } from '../../support/page.ts';
import { prepareReader, runBlock } from '../../support/page-run.ts';

const skip = unlessMachine('curl', 'nginx', 'redis-server', 'redis-cli', 'sftp', 'socat', 'sudo');

let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootMachine();
  prepareReader(machine);
});
t.teardown(async () => await machine?.stop());

const blocks = readBlocks('doc/services.md');

t.test('the page has commands, and says what they print', async (t) => {
  const commands = blocks
    .filter(({ language }) => language === 'console')
    .flatMap(({ text }) => readCommands(text));
  t.ok(commands.length > 40);
  t.ok(commands.filter(({ shown }) => shown.length > 0).length > 25);
  t.equal(blocks.filter(({ note }) => note?.startsWith('file ')).length, 1);
  t.same(
    blocks.filter(({ language, note }) => language !== 'console' && note === undefined),
    [],
    'each block is run',
  );
});

for (const section of new Set(blocks.map(({ section }) => section)))
  t.test(section, { skip }, async (t) => {
    for (const block of blocks.filter((each) => each.section === section))
      runBlock(t, machine, block, { isExact: true });
  });
