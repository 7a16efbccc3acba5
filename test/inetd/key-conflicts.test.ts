// Keys that exclude each other, and keys without effect, in each way in which they can be given.
import t from 'tap';

import { readToml } from '../../lib/inetd/config/toml-file.ts';
import { toServices } from '../../lib/inetd/config/configuration.ts';
import { toWord } from '../../lib/values/toml-options.ts';
import { normalizeServe, type ServeRequest } from '../../lib/inetd/serve-request.ts';

const stream = { listen: '7000', user: 'nobody', jail: '/srv/jail', program: '/bin/x' };
const wait = { ...stream, wait: true };
const datagrams = { ...wait, listen: '69/udp' };
const systemd = { ...wait, activation: 'systemd' } as const;
const isolated = { ...stream, isolate: true };
const unix = { ...stream, listen: '/run/x.sock' };

const without: readonly (readonly [
  key: string,
  value: unknown,
  ineffective: readonly ServeRequest[],
  effective: readonly ServeRequest[],
])[] = [
  ['hostsAllow', '/etc/a', [wait, datagrams, systemd, { ...unix, wait: true }], [stream, unix]],
  ['hostsDeny', '/etc/d', [wait, datagrams, systemd, { ...unix, wait: true }], [stream, unix]],
  ['perSource', 4, [wait, datagrams, systemd], [stream, unix]],
  ['sourceRate', '4', [wait, datagrams, systemd], [stream, unix]],
  ['banner', '/etc/motd', [wait, datagrams, systemd], [stream, unix]],
  ['activation', 'inetd', [stream, unix], [wait, datagrams]],
  ['activation', 'systemd', [stream, unix], [wait, datagrams]],
  [
    'socketMode',
    0o600,
    [stream, datagrams, { ...stream, listen: '@x' }, { ...stream, listen: 'systemd' }],
    [unix, { ...stream, listen: ['7000', '/run/x.sock'] }],
  ],
  [
    'share',
    'none',
    [stream, unix, { ...stream, unshare: ['mount'] }],
    [isolated, { ...stream, unshare: ['pid', 'mount'] }],
  ],
  ['instances', 4, [], [stream, wait, datagrams]],
  ['rate', '4', [], [stream, wait, datagrams]],
  ['noPause', true, [], [stream, wait, datagrams]],
  ['timeoutMs', 4, [], [stream, wait, datagrams]],
  ['log', 'json', [], [stream, wait, datagrams]],
];
for (const [key, value, ineffective, effective] of without)
  t.test(
    `${key} (${String(value)}) is refused where it would be taken and ignored, and nowhere else`,
    async (t) => {
      for (const request of ineffective)
        t.throws(() => normalizeServe({ ...request, [key]: value }), {
          code: 'ERR_USAGE',
          message: new RegExp(`^${key} (?:has no effect|needs \\w+)`),
          hint: /leave it out|^give /,
        });
      for (const request of effective) t.ok(normalizeServe({ ...request, [key]: value }));
    },
  );

const tftp = `[services.tftp]
listen = "69/udp"
wait = true
user = "tftp"
directory = "/srv/tftp"
program = "/usr/sbin/in.tftpd"
`;

t.test(
  'rules for a wait service are refused with the line of their file, and a default can be taken back',
  async (t) => {
    const read = (text: string) => toServices(readToml('x.toml', text).services, []);
    t.throws(() => read(`${tftp}hosts-allow = "/etc/a"\n`), {
      message: /^x\.toml:7: hosts-allow has no effect/,
    });
    const defaults = '[defaults]\nhosts-deny = "/etc/d"\n';
    t.throws(() => read(`${defaults}${tftp}`), {
      message: /^x\.toml:2: hosts-deny/,
      hint: /hosts-deny = false takes back a default/,
    });
    t.ok(read(`${defaults}${tftp}hosts-deny = false\n`).get('tftp'));
    t.throws(
      () =>
        toServices(readToml('x.toml', tftp).services, [
          { name: 'per-source', word: toWord('4'), line: undefined },
        ]),
      {
        message: /per-source has no effect/,
      },
    );
    t.throws(() => read(`${tftp}daemon = "x"\n`), { message: /daemon has no effect/ });
  },
);
