import t from 'tap';

import { daemonText, optionText, wordText } from '../../../lib/tcpwrappers/rule/rule-table.ts';

const rule = {
  text: String.raw`sshd@[::1],ftpd in.x@10.0.0.1: [2001:db8::]/32, .a.example : spawn a\:b & : deny :`,
};
const at = (word: string) => rule.text.indexOf(word);

t.test('a word of a rule ends at a blank, a comma or a colon that no brackets enclose', async (t) => {
  for (const word of ['sshd@[::1]', 'ftpd', 'in.x@10.0.0.1', '[2001:db8::]/32', '.a.example'])
    t.equal(wordText(rule, at(word)), word);
  t.equal(wordText(rule, at(' ')), '');
  t.equal(wordText(rule, rule.text.length), '');
});

t.test('a daemon is a word without the address of its server', async (t) => {
  t.equal(daemonText(rule, at('sshd')), 'sshd');
  t.equal(daemonText(rule, at('ftpd')), 'ftpd');
  t.equal(daemonText(rule, at('@')), '@[::1]', 'a word that begins with @ is none');
});

t.test(
  'an option ends at a colon without a backslash before it, and a missing one is that colon',
  async (t) => {
    t.equal(optionText(rule, at('spawn')), String.raw`spawn a\:b &`);
    t.equal(optionText(rule, at('deny')), 'deny');
    t.equal(optionText(rule, rule.text.length - 1), ':');
    t.equal(optionText(rule, rule.text.length), ':');
  },
);
