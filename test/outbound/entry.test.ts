// The entries of --connect-to: their normal form, and what is refused with the right form.
import * as fc from 'fast-check';
import t from 'tap';

import { asked, mostEntries, toEntries, toEntry } from '../../lib/outbound/entry.ts';
import { listenersFor } from '../../lib/outbound/listeners.ts';
import { toName } from '../../lib/outbound/name.ts';

const textOf = (entry: string): string => toEntry(entry, 'connectTo').text;

t.test('an entry has one normal form', async (t) => {
  const rows: readonly (readonly [given: string, text: string])[] = [
    ['api.example.org:443', 'api.example.org:443'],
    ['API.Example.ORG.:443', 'api.example.org:443'],
    ['.example.net:443,8443', '.example.net:443,8443'],
    ['bücher.example:443', 'xn--bcher-kva.example:443'],
    ['xn--bcher-kva.example:443', 'xn--bcher-kva.example:443'],
    ['_dns.example:53', '_dns.example:53'],
    ['192.0.2.7:5432', '192.0.2.7:5432'],
    ['192.0.2.0/24:*', '192.0.2.0/24:*'],
    ['0.0.0.0/0:443', '0.0.0.0/0:443'],
    ['192.0.2.7/32:1', '192.0.2.7:1'],
    ['[2001:DB8:0::1]:443', '[2001:db8::1]:443'],
    ['[2001:db8::/32]:443', '[2001:db8::/32]:443'],
    ['[::ffff:192.0.2.7]:80', '192.0.2.7:80'],
    ['db.internal=10.0.0.0/8:5432', 'db.internal=10.0.0.0/8:5432'],
    ['db.internal=[fd00::/8]:5432', 'db.internal=[fd00::/8]:5432'],
    ['.corp=10.0.0.0/8:*', '.corp=10.0.0.0/8:*'],
    ['host-loopback:5432', 'host-loopback:5432'],
    ['a.example:80,443,81-82', 'a.example:80-82,443'],
    ['a.example:1-65535', 'a.example:*'],
    ['a.example:443,443', 'a.example:443'],
    ['unix:/run/postgresql/.s.PGSQL.5432', 'unix:/run/postgresql/.s.PGSQL.5432'],
  ];
  for (const [given, text] of rows) t.equal(textOf(given), text, given);
});

t.test('a name with other letters is no URL, of which a part would count', async (t) => {
  const other = [
    'evil.example/ü',
    'evil.example\\ü',
    'evil.example#ü',
    '%65vil.ü',
    'evil.\tü',
    'evil.ex／ü',
    'ü&a',
    'ü:1',
  ];
  t.same(
    other.map(toName),
    other.map(() => undefined),
  );
  t.throws(() => toEntry('evil.example/ü.own.example:443', 'connectTo'), {
    message: /neither the name of a host/,
  });
});

t.test('a wrong entry is refused with the right form', async (t) => {
  const usual = /for example connectTo: \['api\.example\.org:443'\]/;
  const rows: readonly (readonly [given: unknown, message: RegExp, hint: RegExp])[] = [
    ['https://api.example.org/v1', /it is a URL/, usual],
    ['api.example.org', /has no port/, /did you mean connectTo: \['api\.example\.org:443'\]\?/],
    ['api.example.org:', /has no port/, /did you mean connectTo: \['api\.example\.org:443'\]\?/],
    ['*.example.org:443', /begin with a dot/, /did you mean connectTo: \['\.example\.org:443'\]\?/],
    ['api.*.org:443', /\* stands for all ports alone/, /'\.example\.org:443'/],
    ['*:443', /\* stands for all ports alone/, /\.example\.org/],
    ['api.example.org:0', /no port from 1 to 65535/, /443,8000-8010/],
    ['api.example.org:65536', /no port from 1 to 65535/, /443/],
    ['api.example.org:90-80', /no port from 1 to 65535/, /443/],
    ['api.example.org:80-', /no port from 1 to 65535/, /443/],
    ['api.example.org:http', /no port from 1 to 65535/, /443/],
    ['2001:db8::1:443', /neither the name of a host nor an address/, /'\[2001:db8::1\]:443'/],
    ['[fe80::1%eth0]:443', /no zone/, /'\[2001:db8::1\]:443'/],
    ['10.0.0.1/8:80', /bits behind/, /'192\.0\.2\.0\/24:443'/],
    ['10.0.0.0/33:80', /neither/, usual],
    ['127.0.0.1:5432', /loopback of the host, which no entry allows/, /'host-loopback:5432'/],
    ['[::1]:5432', /loopback of the host/, /'host-loopback:5432'/],
    ['a.example=127.0.0.0/8:80', /loopback of the host/, /host-loopback/],
    ['localhost:80-81', /loopback of the jail/, /'host-loopback:80-81'/],
    ['.localhost:80', /loopback of the jail/, /'host-loopback:80'/],
    ['a.LOCALHOST.=10.0.0.0/8:80', /loopback of the jail/, /'host-loopback:80'/],
    ['224.0.0.1:80', /multicast, which no entry allows/, usual],
    ['0.0.0.0:80', /no address of a host/, usual],
    ['198.18.0.20:80', /by which a jail names hosts/, usual],
    // other spellings of addresses are no names
    ['0177.0.0.1:80', /neither the name of a host nor an address/, usual],
    ['0x7f000001:80', /neither/, usual],
    ['2130706433:80', /neither/, usual],
    ['1.2.3:80', /neither/, usual],
    ['a.example=b.example:80', /is no network/, /db\.internal=10\.0\.0\.0\/8:5432/],
    ['host-loopback=10.0.0.0/8:80', /is the loopback of the host/, /'host-loopback:5432'/],
    ['unix:run/app.sock', /'run\/app\.sock' is no absolute path/, /'unix:\/run\/app\/app\.sock'/],
    ['unix:/run/../etc/app.sock', /no absolute path/, /app\.sock/],
    ['unix:/run/./app.sock', /no absolute path/, /app\.sock/],
    ['unix:/run//app.sock', /no absolute path/, /app\.sock/],
    ['unix:/run/app.sock/', /no absolute path/, /app\.sock/],
    ['unix:/run/app.sock\0', /no absolute path/, /app\.sock/],
    ['unix:', /no absolute path/, /app\.sock/],
    ['unix:///run/app.sock', /it is a URL/, usual],
    ['a example:80', /must be NAME:PORTS/, usual],
    ['user@a.example:80', /must be NAME:PORTS/, usual],
    ['', /must be NAME:PORTS/, usual],
    [':443', /must be NAME:PORTS/, usual],
    ['-a.example:80', /neither/, usual],
    ['a..example:80', /neither/, usual],
    [`${'a'.repeat(64)}.example:80`, /neither/, usual],
    [`${'a.'.repeat(127)}a:80`, /neither/, usual],
    ['a.example\0.evil:80', /neither/, usual],
    [443, /must be NAME:PORTS/, usual],
  ];
  for (const [given, message, hint] of rows)
    try {
      toEntry(given, 'connectTo[0]');
      t.fail(String(given));
    } catch (error) {
      const { name, message: said, hint: told = '' } = error as Error & { hint?: string };
      t.equal(name, 'UsageError', String(given));
      t.match(said, message, String(given));
      t.match(told, hint, String(given));
    }
});

t.test('a list is a set, and has a limit', async (t) => {
  const texts = (list: readonly string[]) => toEntries(list, 'connectTo').map(({ text }) => text);
  t.same(texts(['b:1', 'A:1', 'a.:1']), ['a:1', 'b:1']);
  t.same(texts([]), []);
  t.throws(
    () =>
      toEntries(
        Array.from({ length: mostEntries + 1 }, () => 'a:1'),
        'connectTo',
      ),
    /at most 256/,
  );
  t.throws(() => toEntries('a:1', 'connectTo'), /must be an array of at most 256 entries/);
});

t.test('the normal form is its own normal form, and any text is an entry or a UsageError', async (t) => {
  const part = fc.constantFrom(
    'a',
    '.',
    ':',
    '=',
    '/',
    '[',
    ']',
    '1',
    '10',
    '0',
    '-',
    ',',
    '*',
    '8',
    'fd',
    '::',
    'ü',
    '\0',
    '%',
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(part, { maxLength: 14 }).map((all) => all.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          try {
            const { text: once } = toEntry(text, 'connectTo');
            return textOf(once) === once;
          } catch (error) {
            return (error as Error).name === 'UsageError';
          }
        },
      ),
      { numRuns: 2000 },
    ),
  );
});

t.test(
  'ports have sockets of their own if there are few of them, and the name server keeps its',
  async (t) => {
    const listeners = (...list: readonly string[]) => listenersFor(toEntries(list, 'connectTo'));
    const rows: readonly (readonly [list: readonly string[], ports: readonly number[] | undefined])[] = [
      [
        ['web.test:443,80', '.zone.test:80-82', '192.0.2.0/24:5432', 'unix:/run/s'],
        [80, 81, 82, 443, 5432],
      ],
      [['unix:/run/s'], []],
      [['web.test:1-60'], undefined],
      [['web.test:1001-1060'], Array.from({ length: 60 }, (_, at) => 1001 + at)],
      [['web.test:1001-1061'], undefined],
      [['web.test:1001-1060', 'other.test:80'], undefined],
      [['web.test:*'], undefined],
    ];
    for (const [list, ports] of rows) t.same(listeners(...list), ports, list.join());
    t.equal(listenersFor([asked]), undefined);
  },
);
