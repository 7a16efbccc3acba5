import t from 'tap';

import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { unlessRoot } from '../../support/root.ts';
import { defects } from '../../support/jail/defects.ts';
import { mend, openTemplate, putCommands } from '../../support/jail/planted.ts';

const options = { skip: unlessRoot('gcc', 'setcap', 'setfacl', 'setpriv', 'chroot') };

const makeJail = openTemplate(t);
const commands = putCommands(t);

// those of the others are carried out where the rules are tested
t.test('the remedies put right what --fix puts right, and lose nothing', options, async (t) => {
  for (const { rule, plant, at } of defects.filter(({ fixed }) => fixed === true))
    await t.test(`${rule}: ${String(at)}`, async (t) => {
      const jail = await makeJail(t);
      await plant(jail, t);
      const { findings } = await checkJail({ directory: jail });
      const told = findings.filter((one) => one.rule === rule).map(({ remedy }) => remedy);
      t.not(told.length, 0);
      await mend(t, commands, { rule, jail, told });
    });
});
