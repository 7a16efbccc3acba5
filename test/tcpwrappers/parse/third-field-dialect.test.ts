import t from 'tap';

import { type Dialect, parseThirdField } from '../../../lib/tcpwrappers/parse/third-field.ts';

function parse(field: string, dialect: Dialect = 'auto'): string {
  const options = parseThirdField(
    `a:b:${field}`,
    4,
    dialect,
    (word) => word === 'logger' || word === 'reject',
  );
  return options
    .map(({ option }) => {
      if (option.kind === 'spawn') return `spawn ${option.command}`;
      return option.kind === 'error' ? option.code : option.kind;
    })
    .join('; ');
}

t.test('a field whose first word is an option is a list of options', async (t) => {
  t.equal(parse(' ALLOW'), 'allow');
  t.equal(parse('spawn echo a:deny'), 'spawn echo a; deny');
  t.equal(parse('umask=022'), 'umask');
  t.equal(parse('nice: nice'), 'nice; nice');
  t.equal(parse('twist'), 'value-required');
});

t.test('a path, a shell builtin and what is in PATH begin a command', async (t) => {
  t.equal(parse(' /usr/bin/logger a:b '), 'spawn /usr/bin/logger a:b');
  t.equal(parse('./x'), 'spawn ./x');
  t.equal(parse("echo '%c' >> /log"), "spawn echo '%c' >> /log");
  t.equal(parse('logger x'), 'spawn logger x');
  t.equal(parse('exec logger'), 'spawn exec logger');
  t.equal(parse('if true; then logger x; fi'), 'spawn if true; then logger x; fi');
  t.equal(parse(' . /etc/log.sh'), 'spawn . /etc/log.sh');
});

t.test('commands of hosts_access(5) begin with a bracket or an assignment', async (t) => {
  t.equal(parse('(/some/where/safe_finger -l @%h) &'), 'spawn (/some/where/safe_finger -l @%h) &');
  t.equal(parse('PATH=/bin:/usr/bin logger x'), 'spawn PATH=/bin:/usr/bin logger x');
});

t.test('anything else is an error', async (t) => {
  t.equal(parse('severty info'), 'no-command');
  t.equal(parse('alow'), 'no-command');
  t.equal(parse('banner=/etc/banners'), 'no-command');
  t.equal(parse('severty=info'), 'no-command');
  t.equal(parse('Echo x'), 'no-command');
  t.equal(parse('# x'), 'no-command');
  t.equal(parse(''), 'missing-option-name');
  t.equal(parse(' '), 'missing-option-name');
});

t.test('no command is what was meant to refuse', async (t) => {
  t.equal(parse(' : deny'), 'missing-option-name');
  t.equal(parse(': true'), 'missing-option-name');
  for (const field of [
    '. deny',
    '! deny',
    'local deny',
    'reject',
    'DROP',
    'logger x : deny',
    'echo x: Allow ',
  ])
    t.equal(parse(field), 'no-command', field);
  t.equal(parse('logger x\\: deny'), 'spawn logger x\\: deny');
});

t.test('a dialect can be forced', async (t) => {
  t.equal(parse('echo x', 'options'), 'bad-option-name');
  t.equal(parse('allow', 'command'), 'spawn allow');
  t.equal(parse('', 'command'), '');
});
