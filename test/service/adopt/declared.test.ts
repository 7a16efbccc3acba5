// The files of services.d: their keys, their schema, and what is wrong in them.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'smol-toml';
import t from 'tap';

import { adoptOptions } from '../../../lib/service/adopt/adopt-options.ts';
import { declaredSchema, readDeclared } from '../../../lib/service/adopt/declared.ts';
import { changedKeys, optionsOf } from '../../../lib/service/adopt/service-request.ts';

const all = `account = "daemon"
cap = ["net_raw"]
bind = ["/srv"]
ro-bind = "/usr/share"
connect-to = ["db.internal=10.0.0.0/8:5432"]
insecure-path = true
no-trial = true
program = ["/bin/sh", "/bin/ls"]
watch = 0.5
user = "root"
`;
const isValid = new Ajv2020({ strict: false }).compile(declaredSchema());

t.test('a file has the options of adopt as its keys', async (t) => {
  t.same(readDeclared('a.toml', all), {
    accounts: ['daemon'],
    caps: ['net_raw'],
    binds: ['/srv'],
    readOnlyBinds: ['/usr/share'],
    connectTo: ['db.internal=10.0.0.0/8:5432'],
    insecurePath: true,
    noTrial: true,
    programs: ['/bin/sh', '/bin/ls'],
    watchMs: 500,
    user: 'root',
  });
  t.same(
    Object.keys(parse(all)).toSorted(),
    adoptOptions.map(({ name }) => name).toSorted(),
    'these are all options',
  );
  t.ok(isValid(parse(all)));
  t.same(optionsOf({ unit: '', ...readDeclared('a.toml', '# no options\n') }), optionsOf({ unit: '' }));
});

t.test('a wrong file is told with its line and a remedy that works', async (t) => {
  for (const [text, message, hint, isWrongForSchema] of [
    ['bind = [', /^a\.toml:\d: no TOML: /, /^write KEY = VALUE, with a text in quotes/, undefined],
    ['\nro_bind = "/srv"', 'a.toml:2: unknown key ro_bind', 'did you mean ro-bind?', true],
    ['readOnlyBinds = "/srv"', 'a.toml:1: unknown key readOnlyBinds', 'write ro-bind', true],
    [
      '[services.nginx]\nbind = "/srv"',
      'a.toml:1: unknown key services',
      /^a file is about one service/,
      true,
    ],
    ['unit = "nginx"', 'a.toml:1: unknown key unit', /nginx\.toml$/, true],
    ['user = "root"\nbind = "/nowhere/x"', 'a.toml:2: /nowhere/x does not exist', /^name a file/, false],
    ['bind = "srv"', /^a\.toml:1: bind must be an absolute path/, 'for example bind = "/srv"', false],
    ['watch = 1000', /^a\.toml:1: watch must be seconds from 0\.1 to 600/, 'for example watch = 10', false],
    ['insecure-path = "yes"', 'a.toml:1: insecure-path is true or false', 'write it without quotes', true],
    ['user = ["a", "b"]', 'a.toml:1: user takes one value', 'write one without brackets', false],
    ['connect-to = "db"', /^a\.toml:1: .*db/, undefined, false],
  ] as const) {
    t.throws(() => readDeclared('a.toml', text), { message, ...(hint === undefined ? {} : { hint }) }, text);
    if (isWrongForSchema !== undefined) t.equal(!isValid(parse(text)), isWrongForSchema, text);
  }
});

t.test(
  'options differ in the keys that have another value, and a default is one that is missing',
  async (t) => {
    const one = optionsOf({ unit: '', binds: ['/srv'] });
    for (const [other, keys] of [
      [{ binds: ['/srv'] }, []],
      [{ binds: ['/srv'], insecurePath: false, connectTo: [] }, []],
      [{ readOnlyBinds: ['/srv'], watchMs: 500 }, ['watchMs', 'binds', 'readOnlyBinds']],
      [{ binds: ['/srv'], user: 'root' }, ['user']],
    ] as const)
      t.same(changedKeys(one, optionsOf({ unit: '', ...other })), keys);
    const { connectTo: _, ...older } = one;
    t.same(changedKeys(JSON.parse(JSON.stringify(older)) as typeof one, one), []);
  },
);
