// All packs: by what each is recognised, what it brings, and that its trial tells what fails.

import t from 'tap';

import { packs } from '../../../lib/jail/packs/index.ts';
import type { When } from '../../../lib/jail/packs/pack.ts';
import { memoryRoot, type Tree } from '../../support/binary/image.ts';
import { INTERPRETERS } from '../../support/jail/interpreter-cases.ts';
import { jailOf, makeProgram, pathsIn, planOf, probeOf } from '../../support/jail/jail.ts';
import { SYSTEM } from '../../support/jail/system-cases.ts';

const CASES = [...SYSTEM, ...INTERPRETERS];

const packNamed = (name: string) => {
  const found = packs.find((pack) => pack.name === name);
  if (found === undefined) throw new Error(`no pack ${name}`);
  return found;
};

t.test('each pack has a name of its own, a summary that is a phrase, and a sign', async (t) => {
  t.equal(new Set(packs.map(({ name }) => name)).size, packs.length);
  for (const { name, summary, when } of packs) {
    t.match(name, /^[a-z][a-z0-9]*$/);
    t.notMatch(summary, /\.$/, name);
    // it comes with --from-host alone: ../from-host.root.test.ts
    t.equal(Object.values(when).some(isSign), name !== 'host', name);
  }
});

function isSign(sign: When[keyof When]): boolean {
  return sign === true || sign instanceof RegExp || (sign !== undefined && sign.length > 0);
}

t.test('a name must match from its first character, and that of a program to its last', async (t) => {
  for (const { name, when } of packs) {
    for (const pattern of [when.libraries, when.executables, when.packs])
      for (const alternative of pattern?.source.split(/\|(?![^(]*\))/) ?? [])
        t.match(alternative, /^\^/, name);
    for (const pattern of [when.executables, when.paths, when.packs])
      t.match(pattern?.source ?? '$', /\$$/, name);
    for (const pattern of [when.libraries, when.executables, when.packs, when.paths])
      t.equal(pattern?.flags ?? '', '', `${name}: no flag that remembers`);
  }
});

t.test('there is a case for each pack', async (t) => {
  t.same(
    CASES.map(({ pack }) => pack),
    packs.map(({ name }) => name).filter((name) => name !== 'host'),
  );
});

for (const { pack, program = '/bin/p', image = {}, host = {}, brings, by = program, spares = [] } of CASES)
  t.test(`pack ${pack}`, async (t) => {
    const tree = { [program]: makeProgram(image), ...host };
    const plan = planOf(tree, [program]);

    await t.test('its sign brings it, with the reason', async (t) => {
      const chosen = plan.packs.find(({ name }) => name === pack);
      t.ok(chosen, plan.packs.map(({ name }) => name).join(' '));
      if (pack !== 'base') t.equal(chosen?.trigger, by);
    });

    await t.test('its parts are in the jail, and no more', async (t) => {
      const paths = pathsIn(plan);
      for (const path of brings) t.ok(paths.has(path), path);
      for (const path of spares) t.notOk(paths.has(path), path);
      const [first = ''] = brings;
      t.match(plan.entries.find(({ path }) => path === first)?.reason, { as: pack });
    });

    await t.test('without the sign it is not there, or not wanted', async (t) => {
      const names = (other: typeof plan) => other.packs.map(({ name }) => name);
      if (pack !== 'base')
        t.notOk(names(planOf({ ...tree, '/bin/q': makeProgram() }, ['/bin/q'])).includes(pack));
      const without = planOf(tree, [program], { withoutPacks: [pack] });
      t.notOk(names(without).includes(pack));
    });

    const { check } = packNamed(pack);
    if (check === undefined) return;

    await t.test('its self-check is content with the jail', async (t) => {
      t.equal(await check(probeOf(jailOf(tree, plan))), undefined);
    });
  });

t.test('a program that fails in the jail is told', async (t) => {
  const runs = 'shell gconv magic python perl ruby node php java guile cc gnupg'.split(' ');
  for (const { pack, program = '/bin/p', image = {}, host = {} } of CASES.filter((one) =>
    runs.includes(one.pack),
  )) {
    const more = { '/bin/iconv': makeProgram(), '/bin/file': makeProgram() };
    const guile = { '/bin/guile': makeProgram() };
    const tree = { [program]: makeProgram(image), ...host, ...more, ...guile };
    const jail = jailOf(tree, planOf(tree, [program, '/bin/iconv', '/bin/file', '/bin/guile']));
    const ran = { exitCode: 1, stderr: 'Unable to load: no such thing\n' };
    t.match(await packNamed(pack).check?.(probeOf(jail, ran)), /no such thing/, pack);
  }
});

t.test('a file that the jail cannot give itself is no failure, but it is said', async (t) => {
  const [pty, tls] = [packNamed('pty'), packNamed('tls')];
  const jail = (tree: Tree) => probeOf(memoryRoot(tree));
  const tmux = { '/dev/pts/.directory': '', '/usr/bin/tmux': makeProgram() };
  t.match(pty.wants?.(jail(tmux)), /uchroot --isolate --dev \/dev$/);
  t.type(pty.wants?.(jail({ '/dev/pts/.directory': '', '/usr/bin/expect': makeProgram() })), 'string');
  t.equal(pty.wants?.(jail({ ...tmux, '/dev/pts/ptmx': '' })), undefined, 'it is mounted');
  t.equal(pty.wants?.(jail({ '/usr/bin/python3': makeProgram() })), undefined);
  const bare = { '/etc/ssl/openssl.cnf': '' };
  t.match(tls.wants?.(jail(bare)), /certificates/);
  t.equal(tls.wants?.(jail({ '/etc/ssl/certs/ca-certificates.crt': '' })), undefined);
});
