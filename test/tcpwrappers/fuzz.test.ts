// Whatever the bytes: an answer, findings that are places in the file, and nothing thrown.

import * as fc from 'fast-check';
import t from 'tap';

import type { Found, Need } from '../../lib/tcpwrappers/connection/need.ts';
import { resolveNow } from '../support/resolve-now.ts';
import { makeRequest } from '../../lib/tcpwrappers/connection/request-info.ts';
import { expand, expandBanner } from '../../lib/tcpwrappers/decide/expansion.ts';
import { decide } from '../../lib/tcpwrappers/decide/ruling.ts';
import { readOne } from '../support/tcpwrappers/hosts.ts';
import { split } from '../support/tcpwrappers/libwrap/world.ts';

const bytes = fc.uint8Array({ maxLength: 60 }).map((all) => Buffer.from(all).toString('latin1'));
const words = fc.constantFrom(
  ...split(
    'sshd ALL EXCEPT : , # @ / /list [ ] [::1]/64 [::]/x 10.0.0.0/8 .com * ? ** LOCAL KNOWN 22 %c %n %u % allow',
  ),
  ...split('deny twist=x root = \\: umask=022 banners=/b \xff \xef\xbb\xbf'),
  ...' |: |\\\n|\0|\r\n|spawn |user |setenv A |aclexec x'.split('|'),
  '\n',
  '\n',
  'x'.repeat(700),
);
const text = fc
  .array(fc.oneof({ weight: 5, arbitrary: words }, bytes), { maxLength: 40 })
  .map((parts) => parts.join(''));
const value = fc.oneof(fc.constantFrom('', 'unknown', '10.0.0.1', '::1', 'a.com'), bytes);

const runs = { numRuns: 3000 };
const latin1 = (all: string) => Buffer.from(all.replaceAll('\0', ''), 'latin1');

t.test('any two files and any request come to a decision', async (t) => {
  const dialects = fc.constantFrom('auto', 'options', 'command' as const);
  const compat = fc.constantFrom(undefined, 'libwrap' as const);
  fc.assert(
    fc.property(
      text,
      text,
      text,
      value,
      value,
      dialects,
      compat,
      (allow, deny, list, address, name, dialect, compat) => {
        const texts = { allow, deny, files: { '/list': list } };
        const tables = (['allow', 'deny'] as const).map((role) =>
          readOne(role, texts, { dialect, compat, hasNetgroups: true }),
        );
        for (const [i, table] of tables.entries()) {
          const lines = [allow, deny][i]?.split('\n') ?? [];
          for (const { line = 1, column = 1 } of table.findings)
            if (!(column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1)) return false;
        }
        const [first, second] = tables;
        if (first === undefined || second === undefined) return false;
        const hosts = { allow: first, deny: second };
        const request = makeRequest({
          daemon: latin1(name),
          client: { address: latin1(address), port: 1 },
          server: { address: '::1', port: 22 },
        });
        const find = (need: Need): Found =>
          need.kind === 'netgroup' ? [name] : need.kind === 'account' || name;
        const { verdict } = resolveNow(decide(hosts, request), find);
        return ['granted', 'denied', 'delegated'].includes(verdict);
      },
    ),
    runs,
  );
  t.pass();
});

t.test('any text is expanded, or refused as too long', async (t) => {
  fc.assert(
    fc.property(text, value, (text, name) => {
      const request = () => makeRequest({ daemon: latin1(name), client: { address: '10.0.0.1' } });
      for (const work of [expand(text, request()), expandBanner(text, request())]) {
        const result = resolveNow(work, () => name);
        if (result.kind === 'text' ? result.text.length > 1 << 20 : result.message !== 'expansion too long')
          return false;
      }
      return true;
    }),
    runs,
  );
  t.pass();
});
