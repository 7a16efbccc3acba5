// What a line that is no TOML most likely meant.
import t from 'tap';

import { tomlHint } from '../../../lib/inetd/config/toml-hint.ts';

const hint = (line: string): string => tomlHint(line, 'unexpected character');

t.test('a value is written as TOML has it', async (t) => {
  for (const [line, right] of [
    ['port: 7000', 'port = 7000'],
    ['port 0', 'port = 0'],
    ['isolate: Yes', 'isolate = true'],
    ['isolate: off', 'isolate = false'],
    ["args = ['a' 'b']", "args = ['a' 'b']"],
    ['view = {a 1}', 'view = {a 1}'],
    ['caps: kill, chown', 'caps = ["kill", "chown"]'],
    ['fds: 3,4', 'fds = [3, 4]'],
    ['caps: kill,,chown', 'caps = "kill,,chown"'],
    ['user: sam', 'user = "sam"'],
    ['user sam', 'user = "sam"'],
    ['user = “sam”', 'user = "sam"'],
    ['mode: 007', 'mode = "007"'],
  ] as const)
    t.equal(hint(line), `write ${right}`, line);
});

t.test('a text without quotes is told as that, and nothing else is', async (t) => {
  t.equal(hint('user = sam'), 'a text stands in quotes: user = "sam"');
  t.equal(hint('a.b'), 'write KEY = VALUE below [services.NAME], with a text in quotes');
  t.equal(hint('user ='), 'write KEY = VALUE below [services.NAME], with a text in quotes');
  t.equal(hint(''), 'write KEY = VALUE below [services.NAME], with a text in quotes');
});

t.test('the name of a table has no blanks, and each has one of its own', async (t) => {
  t.equal(hint('[services.my web'), 'write [services.my-web]');
  t.equal(
    tomlHint('[services.web]', 'trying to redefine'),
    'give each table a name of its own, such as [services.web-2]',
  );
  t.equal(tomlHint('user = "a"', 'trying to redefine'), 'give each key of a table once');
  t.match(tomlHint('user = "a"', 'expected , or end of structure'), /^close the list/);
});
