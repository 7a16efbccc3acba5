// The table of doc/services.md, made anew for some of its services by the script that makes it.
import { readFileSync } from 'node:fs';

import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine } = serviceMachine(
  'curl',
  'haproxy',
  'memcached',
  'nginx',
  'privoxy',
  'redis-server',
  'socat',
  'stunnel4',
  'tinyproxy',
);

// A user starts each of these differently: alone, by a script, with a socket that it renames, or with code that it makes.
const names = 'haproxy memcached nginx own-web privoxy redis-server stunnel@table tinyproxy'.split(' ');

interface Line {
  readonly client: string;
  readonly lacks: string;
  readonly exposure: readonly number[];
}

// | `NAME` | BEFORE, AFTER | client | what does not work |
const linesIn = (text: string): ReadonlyMap<string, Line> =>
  new Map(
    [...text.matchAll(/^\| `(\S+)`[^|]* \| ([^|]*) \| ([^|]*) \|(?: (.*))? \|$/gm)].map(
      ([, name = '', exposure = '', client = '', lacks = '']) => [
        name,
        { client: client.trim(), lacks: lacks.trim(), exposure: exposure.split(', ').map(Number) },
      ],
    ),
  );

serviceTest('services do by one command what the table of the page says', async (t) => {
  // what is started beside a service, and how long one is watched, has tests of its own
  const words = ['--jobs', '4', '--options=--no-trial --watch 0.5'];
  const { stdout, stderr } = machine().run([
    process.execPath,
    `${packageDirectory}/scripts/service-table.mjs`,
    ...words,
    ...names,
  ]);
  t.equal(stderr, '');
  const [made, page] = [
    linesIn(stdout),
    linesIn(readFileSync(`${packageDirectory}/doc/services.md`, 'utf8')),
  ];
  for (const name of names) {
    const { client, lacks, exposure = [] } = page.get(name) ?? {};
    const now = made.get(name);
    t.same({ client: now?.client, lacks: now?.lacks }, { client, lacks }, name);
    // other versions of systemd and of the packages change it a little
    const isNear = now?.exposure.every((level, index) => Math.abs(level - (exposure[index] ?? 0)) <= 0.3);
    t.ok(isNear, `exposure of ${name}: ${now?.exposure.join(', ')}, and ${exposure.join(', ')} on the page`);
  }
});
