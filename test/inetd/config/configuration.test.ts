// The three languages of configuration, what is wrong in them, and how they look in TOML.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'smol-toml';
import t from 'tap';

import { readConfiguration, toServices } from '../../../lib/inetd/config/configuration.ts';
import { readInetdConf } from '../../../lib/inetd/config/inetd-conf.ts';
import { configurationSchema } from '../../../lib/inetd/config/schema.ts';
import { readToml } from '../../../lib/inetd/config/toml-file.ts';
import { tomlText } from '../../../lib/inetd/config/toml-text.ts';
import { makeDirectory } from '../../support/directory.ts';
import { host } from '../../support/inetd-conf.ts';

const LINE = `user = "sam"
directory = "/srv/j"
program = "/bin/cat"
`;

t.test('a service of TOML has the options of the command, and defaults for what it leaves out', async (t) => {
  const text = `[defaults]
user = "sam"
directory = "/srv/j"
instances = 7
setenv = { A = "1", B = 2 }

[services.one]
listen = ["127.0.0.1:1", "[::1]:1"]
program = "/bin/cat"
arguments = ["-u", 5]
clear-groups = false

[services."two.x"]
listen = 2
user = "joe:staff"
program = "/bin/dog"
instances = 9
setenv = ["C=3"]
ro-bind = ["/a", "/b:/c"]
isolate = true
memory = "64M"
cpu = 0.5
`;
  const services = toServices(readToml('a.toml', text).services, []);
  t.same([...services.keys()], ['one', 'two.x']);
  t.match(services.get('one'), {
    instances: 7,
    daemon: 'cat',
    launch: { user: 'sam', args: [Buffer.from('-u'), Buffer.from('5')] },
  });
  t.equal(services.get('one')?.launch.clearGroups, undefined);
  t.same(
    services.get('one')?.normalLaunch.env.map(([name]) => name),
    ['A', 'B'],
  );
  t.match(services.get('two.x'), {
    instances: 9,
    launch: { user: 'joe:staff', memory: '64M', cpu: 0.5 },
  });
  t.same(
    services.get('two.x')?.normalLaunch.env.map(([name]) => name),
    ['C'],
  );
  t.equal(services.get('two.x')?.normalLaunch.view.length, 2);
});

t.test('what is wrong in TOML has its line, its key and the key that was meant', async (t) => {
  const wrong: readonly [text: string, message: string | RegExp, hint?: string | RegExp][] = [
    [
      `[services.a]\nlisten = 1\n${LINE}instnces = 3\n`,
      'a.toml:6: unknown key instnces',
      'did you mean instances?',
    ],
    [`[services.a]\n\n${LINE}# x\nlisten = "x"\n`, /^a\.toml:7: listen: 'x' is no address$/, /^write PORT/],
    [`[services.a]\nlisten = 1\n${LINE}rate = "x"\n`, /^a\.toml:6: rate must be COUNT/],
    [`[services.a]\nlisten = 1\n${LINE}per-source = 0\n`, /^a\.toml:6: per-source must be a whole number/],
    [`[services.a]\nlisten = 1\n${LINE}umask = "999"\n`, /^a\.toml:6: umask must be an octal mode/],
    [`[services.a]\nlisten = 1\n${LINE}isolate = 1\n`, 'a.toml:6: isolate is true or false'],
    [`[services.a]\nlisten = 1\n${LINE}banner = true\n`, 'a.toml:6: banner takes a text or a number'],
    [`[services.a]\nlisten = "1/udp"\n${LINE}`, /^a\.toml:2: listen needs wait: a service of datagrams/],
    [`[services.a]\nlisten = 1\n${LINE}arguments = "x"\n`, 'a.toml:6: arguments is an array'],
    [`[services.a]\nuser = "x"\n`, 'a.toml:1: a: directory is missing'],
    [`[services.a]\n${LINE}`, 'a.toml:1: listen is missing: give an address'],
    [`[service.a]\nlisten = 1\n`, 'a.toml:1: unknown key service', 'did you mean services?'],
    [`x = 1\n`, 'a.toml:1: unknown key x', 'write [services.NAME] above it, with a name for the service'],
    [`[x]\nlisten = 1\n`, 'a.toml:1: unknown key x', 'write [services.x]'],
    [`\nservices.a.lisen = 1\n`, 'a.toml:2: unknown key lisen', 'did you mean listen?'],
    [
      `[services]\n\na.rate = "x"\na.listen = 1\n${LINE.replaceAll(/^/gm, 'a.').replace(/a\.$/, '')}`,
      /^a\.toml:3: rate must be COUNT/,
    ],
    [`[services]\na = { listen = 1, instnces = 3 }\n`, 'a.toml:2: unknown key instnces'],
    [`["services"."a"]\n'listen' = 1\n${LINE}setenv.A.B = 1\n`, 'a.toml:6: setenv takes a text or a number'],
    [
      `[services.a]\nlisten = 1\n${LINE}timeout = 0\n`,
      /^a\.toml:6: timeout must be seconds from 0\.001 to 2147483, not 0$/,
    ],
    [`[defaults]\n\nlog = "x"\nlisen = 1\n`, 'a.toml:4: unknown key lisen', 'did you mean listen?'],
    [`[services]\na = 1\n`, 'a.toml:2: a is a table'],
    [
      `[[services]]\nlisten = 1\n`,
      'a.toml:1: services is a table of tables',
      'write [services.NAME], with a name for the service',
    ],
    [`defaults = 1\n`, 'a.toml:1: defaults is a table', 'write [defaults]'],
    [`[services."a b"]\n`, /a b is no name/],
    [`[services.a]\nlisten = \n`, /^a\.toml:2: no TOML: /],
    [``, 'the configuration has no services'],
  ];
  for (const [text, message, hint] of wrong)
    t.throws(
      () => toServices(readToml('a.toml', text).services, []),
      { message, ...(hint !== undefined && { hint }) },
      text,
    );
});

t.test('a mode is a text, and an array for one value is not cut', async (t) => {
  const read = (...lines: readonly string[]) =>
    toServices(
      readToml('a.toml', `[services.a]\nlisten = "/x"\n${LINE}${lines.join('\n')}\n`).services,
      [],
    ).get('a');
  for (const [line, message, hint] of [
    ['arguments = "-u"', 'a.toml:6: arguments is an array', 'for example arguments = ["-l"]'],
    ['umask = 0o027', 'a.toml:6: umask is a text with an octal mode', 'in quotes, such as umask = "640"'],
    ['socket-mode = 660', 'a.toml:6: socket-mode is a text with an octal mode', undefined],
    ['daemon = ["a", "b"]', 'a.toml:6: daemon takes one value', undefined],
    ['memory = ["64M", "65M"]', 'a.toml:6: memory takes one value', undefined],
    ['env = { A = 1 }', 'a.toml:6: unknown key env', 'write setenv'],
    ['jail = "/j"', 'a.toml:6: unknown key jail', 'write directory'],
    ['timeoutMs = 5', 'a.toml:6: unknown key timeoutMs', 'write timeout'],
  ] as const)
    t.throws(() => read(line), { message, ...(hint !== undefined && { hint }) }, line);
  t.match(read('umask = "027"', 'socket-mode = "660"'), { socketMode: 0o660, launch: { umask: '027' } });
  t.match(read('groups = ["a", "b"]', 'affinity = [0, "2-3"]', 'memory = ["64M"]'), {
    launch: { groups: ['a', 'b'], affinity: [0, 2, 3], memory: '64M' },
  });
  t.same(read('groups = []')?.normalLaunch.groups, [], 'no supplementary groups');
  t.same(read('connect-tcp = [80, "1-100"]', 'cap = ["kill", "chown"]')?.launch.caps, ['kill', 'chown']);
  const defaults = [{ name: 'cap', word: { text: 'kill', bytes: Buffer.from('kill') }, line: undefined }];
  const { services } = readToml('a.toml', `[services.a]\nlisten = 1\n${LINE}cap = []\n`);
  t.equal(toServices(services, defaults).get('a')?.launch.caps, undefined);
});

t.test('options of the command line count for services that do not set them', async (t) => {
  const { services } = readToml('a.toml', `[services.a]\nlisten = 1\n${LINE}instances = 3\n`);
  const word = (text: string) => ({ text, bytes: Buffer.from(text) });
  const defaults = [
    { name: 'instances', word: word('5'), line: undefined },
    { name: 'isolate', word: word(''), line: undefined },
  ];
  t.match(toServices(services, defaults).get('a'), { instances: 3, launch: { isolate: true } });
  for (const text of [`[services.a]\nisolate = false\n`, `[defaults]\nisolate = false\n[services.a]\n`]) {
    const off = toServices(readToml('a.toml', `${text}listen = 1\n${LINE}`).services, defaults);
    t.equal(off.get('a')?.launch.isolate, undefined, text);
  }
  const on = readToml(
    'a.toml',
    `[defaults]\nisolate = false\n[services.a]\nisolate = true\nlisten = 1\n${LINE}`,
  );
  t.match(toServices(on.services, []).get('a'), { launch: { isolate: true } });
  t.throws(() => toServices([...services, ...services], []), {
    message: 'a.toml:1: there is another service a',
  });
});

t.test('false takes back any default, of the file and of the command line', async (t) => {
  const limits = ['idle = 5', 'instances = 7', 'memory = "64M"', 'setenv = { A = 1 }', 'umask = "027"'];
  const off = limits.map((line) => line.replace(/ = .*$/, ' = false')).join('\n');
  const read = (above: string, own: string) =>
    readToml('a.toml', `[defaults]\n${above}\n[services.a]\nlisten = 1\n${LINE}${own}\n`).services;
  const bare = toServices(read('', ''), []).get('a');
  const given = toServices(read(limits.join('\n'), ''), []).get('a');
  t.match(given, { idleMs: 5000, instances: 7, launch: { memory: '64M', umask: '027' } });
  t.same(toServices(read(limits.join('\n'), off), []).get('a'), bare);
  const ofCommand = [{ name: 'idle', word: { text: '5', bytes: Buffer.from('5') }, line: undefined }];
  t.match(toServices(read('', ''), ofCommand).get('a'), { idleMs: 5000 });
  t.same(toServices(read('', 'idle = false'), ofCommand).get('a'), bare);
  t.same(toServices(read('idle = false', ''), ofCommand).get('a'), bare);
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(configurationSchema());
  t.ok(validate(parse(`[services.a]\n${off}\n`)), JSON.stringify(validate.errors));
  t.notOk(validate(parse('[services.a]\nidle = true\n')));
});

t.test(
  'a service whose wrapper has an option that is unknown here is left out, and the others stay',
  async (t) => {
    const directory = makeDirectory(t);
    const wrapper = '/usr/bin/uchroot-tcpd';
    writeFileSync(
      `${directory}/inetd`,
      `1 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --dialect command /bin/a
2 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --isolate --x\u001b --jail joe:/srv/j /bin/b
3 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --isolate /bin/c
`,
    );
    const section = (name: string, port: number, args: string): string =>
      `service ${name}\n{\ntype = UNLISTED\nport = ${port}\nwait = no\nuser = nobody\nserver = ${wrapper}\nserver_args = ${args}\n}\n`;
    writeFileSync(
      `${directory}/xinetd`,
      `${section('a', 4, 'run --compat=libwrap /bin/a')}${section('b', 5, 'run /bin/b')}`,
    );
    const { services, notCarried } = readConfiguration([directory], '/srv/all');
    t.same([...toServices(services, []).keys()], ['3', 'b']);
    t.same(
      notCarried.map(({ file, line, leftOut, message }) => [basename(file), line, leftOut, message]),
      [
        ['inetd', 1, '1', '--dialect of uchroot-tcpd run is not carried over'],
        ['inetd', 2, '2', '--x\\x1b of uchroot-tcpd run is not carried over'],
        ['xinetd', 8, 'a', '--compat of uchroot-tcpd run is not carried over'],
      ],
    );
  },
);

t.test('the lines of a large file in TOML are found in time', async (t) => {
  const timeOf = (count: number): number => {
    const services = Array.from({ length: count }, (_, i) => `[services.s${i}]\nlisten = ${i + 1}\n${LINE}`);
    const begin = process.cpuUsage();
    t.equal(readToml('a.toml', services.join('')).services.length, count);
    return process.cpuUsage(begin).user;
  };
  timeOf(100);
  // the collector of garbage may run in one of them
  const best = (count: number): number => Math.min(timeOf(count), timeOf(count), timeOf(count));
  // ten times as many lines take ten times as long, and not a hundred times
  t.ok(best(3000) < 40 * best(300));
});

t.test('what import writes says the same, and fits the schema, which is published', async (t) => {
  const { services } = readInetdConf(
    'inetd.conf',
    'ftp stream tcp nowait.50 root /usr/sbin/tcpd in.ftpd -l\ntftp dgram udp wait nobody /usr/sbin/in.tftpd in.tftpd -s "é"\n',
    host,
  );
  const text = tomlText(services);
  const plain = (list: typeof services) =>
    list.map(({ name, user, directory, program, arguments: args, options }) => {
      return {
        name,
        user,
        directory,
        program,
        args,
        options: options.map(({ name, word }) => [name, word.text]),
      };
    });
  t.same(plain(readToml('x.toml', text).services), plain(services));
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(configurationSchema());
  t.ok(validate(parse(text)), JSON.stringify(validate.errors));
  t.notOk(validate({ services: { a: { instnces: 1 } } }));
  t.notOk(validate({ services: { a: { isolate: 'yes' } } }));
  t.notOk(validate({ service: {} }));
  const published = readFileSync(
    join(import.meta.dirname, '../../../../doc/uchroot-inetd.schema.json'),
    'utf8',
  );
  const { version, ...schema } = JSON.parse(published) as Record<string, unknown>;
  t.equal(version, undefined);
  t.same(schema, configurationSchema(), 'uchroot-inetd schema >doc/uchroot-inetd.schema.json');
});

t.test('a name in a table of TOML cannot be a part of a value', async (t) => {
  const text = `[services.a]\nlisten = 1\n${LINE}setenv = { "A=B" = "c" }\n`;
  t.throws(() => readToml('a.toml', text), { message: 'a.toml:6: setenv: A=B is no name' });
});
