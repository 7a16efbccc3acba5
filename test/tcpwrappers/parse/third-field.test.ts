import t from 'tap';

import { parseOptions } from '../../../lib/tcpwrappers/parse/third-field.ts';
import type { Option } from '../../../lib/tcpwrappers/rule/rule-option.ts';

function parse(field: string): readonly Option[] {
  return parseOptions(field, 0).map(({ option }) => option);
}

t.test('every option of hosts_options(5) is read', async (t) => {
  const field =
    'spawn echo %c: setenv A b c: severity mail.info: severity notice: keepalive: linger 5: rfc931: rfc931 7: ' +
    'banners /b: nice: nice -3: umask 022: user joe: user joe.staff: group staff: aclexec x: allow';
  t.same(parse(field), [
    { kind: 'spawn', command: 'echo %c' },
    { kind: 'setenv', assignment: 'A b c' },
    { kind: 'severity', facility: 'mail', level: 'info' },
    { kind: 'severity', level: 'notice' },
    { kind: 'keepalive' },
    { kind: 'linger', seconds: 5 },
    { kind: 'rfc931' },
    { kind: 'rfc931', timeoutSeconds: 7 },
    { kind: 'banners', directory: '/b' },
    { kind: 'nice', increment: 10 },
    { kind: 'nice', increment: -3 },
    { kind: 'umask', mask: 0o022 },
    { kind: 'user', user: 'joe' },
    { kind: 'user', user: 'joe', group: 'staff' },
    { kind: 'group', group: 'staff' },
    { kind: 'aclexec', command: 'x' },
    { kind: 'allow' },
  ]);
  t.same(parse('twist exec /bin/x'), [{ kind: 'twist', command: 'exec /bin/x' }]);
});

t.test('a backslash protects a colon, and nothing else', async (t) => {
  t.same(parse('spawn a\\:b\\c: deny'), [{ kind: 'spawn', command: 'a:b\\c' }, { kind: 'deny' }]);
  t.same(parse('spawn a\\::deny'), [{ kind: 'spawn', command: 'a:' }, { kind: 'deny' }]);
});

t.test('one = may stand behind the keyword', async (t) => {
  t.same(parse('Spawn = x'), [{ kind: 'spawn', command: 'x' }]);
  t.same(parse('spawn==x'), [{ kind: 'spawn', command: '=x' }]);
});

const errors: readonly (readonly [field: string, code: string])[] = [
  ['', 'missing-option-name'],
  ['keepalive:', 'missing-option-name'],
  ['= x', 'missing-option-name'],
  [':deny', 'missing-option-name'],
  ['foo', 'bad-option-name'],
  ['constructor', 'bad-option-name'],
  ['spawn', 'value-required'],
  ['allow yes', 'value-not-allowed'],
  ['allow: keepalive', 'not-at-end'],
  ['twist x: allow', 'not-at-end'],
  ['deny:', 'not-at-end'],
  ['umask 1000', 'bad-value'],
  ['umask 8', 'bad-value'],
  ['linger -1', 'bad-value'],
  ['rfc931 0', 'bad-value'],
  ['nice x', 'bad-value'],
  ['severity authpriv.info', 'bad-value'],
  ['severity panic', 'bad-value'],
];
for (const [field, code] of errors)
  t.test(`"${field}" is an error, and nothing behind it is read`, async (t) => {
    const options = parse(`keepalive: ${field}`);
    t.match(options.at(-1), { kind: 'error', code });
    t.same(options.filter(({ kind }) => kind === 'error').length, 1);
  });

t.test('the least and the largest value are values', async (t) => {
  t.same(parse('linger 0:rfc931 1:umask 0:umask 777:nice 0'), [
    { kind: 'linger', seconds: 0 },
    { kind: 'rfc931', timeoutSeconds: 1 },
    { kind: 'umask', mask: 0 },
    { kind: 'umask', mask: 0o777 },
    { kind: 'nice', increment: 0 },
  ]);
  t.match(parse(':deny'), [{ code: 'missing-option-name' }]);
});

t.test('options are found again in their line', async (t) => {
  const line = 'a:b: spawn x :nice';
  t.same(
    parseOptions(line, 4).map(({ at }) => line.slice(at, at + 4)),
    ['spaw', 'nice'],
  );
});
