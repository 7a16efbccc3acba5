// Each option of the command is in its help and in its manual.
import { readFileSync } from 'node:fs';

import t from 'tap';

import { commands } from '../../lib/bin/jail/jail-commands.ts';
import { uchrootJail } from '../support/builder.ts';

const manual = ['uchroot-jail', 'uchroot-jail-check']
  .map((page) => readFileSync(new URL(`../../../doc/${page}.md`, import.meta.url), 'utf8'))
  .join('');

t.test('every option of every command has a line in --help and stands in the manual', async (t) => {
  const { stdout } = uchrootJail(['--help']);
  const options = new Set(Object.values(commands).flatMap(({ options }) => options.map(({ name }) => name)));
  t.ok(options.size > 10);
  for (const option of options) {
    t.match(stdout, new RegExp(`^  --${option} `, 'm'));
    // One line can define several options.
    t.match(manual, new RegExp(`^(?:\\x60--[^\\n]*, )?\\x60--${option}[ \\x60]`, 'm'));
  }
});
