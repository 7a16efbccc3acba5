// The things that a program needs besides its own package, each rule on the smallest system that shows it.

import { deflateSync } from 'node:zlib';

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { planJail } from '../../../lib/jail/plan/jail-plan.ts';
import { finish } from '../../support/steps.ts';
import { elfWithStrings, makeSystem, type MadeSystem } from '../../support/jail/debian.ts';
import { chooseFrom, paths } from '../../support/jail/systems.ts';

t.test('a library that has the names of all programs of its source brings none of them', async (t) => {
  const plugin = '/usr/lib/x86_64-linux-gnu/krb5/plugins/kdb/db2.so';
  const system: MadeSystem = {
    packages: {
      'krb5-kdc': {
        control: 'Source: krb5\nDepends: krb5-user, libkrb5',
        files: { '/usr/sbin/krb5kdc': elfWithStrings(), [plugin]: elfWithStrings() },
      },
      libkrb5: {
        control: 'Source: krb5\nSuggests: krb5-user',
        files: { '/usr/lib/x86_64-linux-gnu/libkrb5.so.3': elfWithStrings('kadmin', 'kvno') },
      },
      'krb5-user': {
        control: 'Source: krb5',
        files: { '/usr/bin/kadmin': elfWithStrings(), '/usr/bin/kvno': elfWithStrings() },
      },
    },
  };
  const brought = paths(chooseFrom(system, plugin, '/usr/lib/x86_64-linux-gnu/libkrb5.so.3'));
  t.same(
    brought.filter((path) => path.startsWith('/usr/bin/')),
    [],
  );
});

t.test('a package that is only suggested brings no program, whatever its name', async (t) => {
  const system: MadeSystem = {
    packages: {
      tool: {
        control: 'Suggests: cross-gcc',
        files: { '/usr/bin/tool': elfWithStrings('aarch64-linux-gnu-gcc') },
      },
      'cross-gcc': { files: { '/usr/bin/aarch64-linux-gnu-gcc': elfWithStrings() } },
    },
  };
  const choice = chooseFrom(system, '/usr/bin/tool');
  t.same(paths(choice), ['/usr/bin/tool']);
  t.match(choice.suggested, [{ path: '/usr/bin/aarch64-linux-gnu-gcc' }]);
});

const mono: MadeSystem = {
  packages: {
    'mono-runtime': {
      control: 'Source: mono\nDepends: mono-runtime-sgen',
      files: { '/usr/bin/mono': { link: 'mono-sgen' } },
    },
    'mono-runtime-sgen': {
      control: 'Source: mono\nDepends: mono-gac',
      files: { '/usr/bin/mono-sgen': elfWithStrings() },
    },
    'mono-gac': {
      control: 'Source: mono\nDepends: libmono-corlib',
      files: { '/usr/bin/gacutil': '#!/bin/sh\nexec mono gacutil.exe\n', '/usr/share/mono/name.exe': '' },
    },
    'libmono-corlib': { control: 'Source: mono', files: { '/usr/lib/mono/4.5/mscorlib.dll': '' } },
  },
};

t.test('a program has its class library, which only a tool of its source depends on', async (t) => {
  t.same(paths(chooseFrom(mono, '/usr/bin/mono')), [
    '/usr/bin/mono',
    '/usr/lib/mono/4.5/mscorlib.dll',
    '/usr/share/mono/name.exe',
  ]);
});

t.test('a program comes with a link to it that another package of its source has', async (t) => {
  t.ok(paths(chooseFrom(mono, '/usr/bin/mono-sgen')).includes('/usr/bin/mono'));
});

const tools: MadeSystem['packages'] = {
  coreutils: {
    control: 'Essential: yes',
    files: { '/usr/bin/df': elfWithStrings(), '/usr/bin/mv': elfWithStrings() },
  },
  librsvg2: { files: { '/usr/bin/rsvg-convert': elfWithStrings() } },
};

t.test('a command in an attribute of XML is told, and a basic tool there comes along', async (t) => {
  const delegates = `<!-- mv -f a b --><delegatemap title="mv is a tool">
  <delegate decode="svg" command="&apos;rsvg-convert&apos; -o &apos;%o&apos; &apos;%i&apos;; /bin/mv &apos;%i&apos; x"/>
</delegatemap>`;
  const system = (text: string): MadeSystem => ({
    packages: {
      ...tools,
      magick: { files: { '/usr/bin/convert': elfWithStrings(), '/etc/magick/delegates.xml': text } },
    },
  });
  const choice = chooseFrom(system(delegates), '/usr/bin/convert');
  t.same(paths(choice), ['/etc/magick/delegates.xml', '/usr/bin/convert', '/usr/bin/mv']);
  t.match(choice.suggested, [{ path: '/usr/bin/rsvg-convert', by: '/etc/magick/delegates.xml' }]);
  t.same(choice.suggested.length, 1);
  const words = '<a b="mv is a tool" c="df" d="rsvg-convert"/>';
  t.same(paths(chooseFrom(system(words), '/usr/bin/convert')).length, 2, 'a sentence is no command line');
});

// 64 kB took seconds, and this would take an hour.
t.test('a long word in XML is read once', async (t) => {
  const word = 'a'.repeat(1 << 20);
  const system: MadeSystem = {
    packages: {
      ...tools,
      magick: {
        files: {
          '/usr/bin/convert': elfWithStrings(),
          '/etc/magick/a.xml': `<a ${word} b="${word}" c = "/bin/mv -f x"/>`,
        },
      },
    },
  };
  t.ok(paths(chooseFrom(system, '/usr/bin/convert')).includes('/usr/bin/mv'));
});

/** A compiled module with these texts among its literals. */
function beamWith(pack: (terms: Buffer) => Buffer, ...texts: readonly string[]): Buffer {
  const terms = texts.map((text) =>
    Buffer.concat([Buffer.from([131, 107, 0, text.length]), Buffer.from(text)]),
  );
  const literals = pack(Buffer.concat(terms));
  const chunks = [chunk('Atom', Buffer.from('abcde')), chunk('LitT', literals)];
  return Buffer.concat([Buffer.from('FOR1\0\0\0\0BEAM'), ...chunks]);
}

function chunk(name: string, content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from(name), size, content, Buffer.alloc((4 - (content.length % 4)) % 4)]);
}

const packed = (terms: Buffer) => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(terms.length);
  return Buffer.concat([size, deflateSync(terms)]);
};
const plain = (terms: Buffer) => Buffer.concat([Buffer.alloc(4), terms]);

t.test('a command line among the literals of compiled Erlang names its tool', async (t) => {
  const module = '/usr/lib/erlang/lib/os_mon/ebin/disksup.beam';
  const broughtBy = (beam: Buffer) =>
    paths(
      chooseFrom({ packages: { ...tools, 'erlang-os-mon': { files: { [module]: beam } } } }, 'erlang-os-mon'),
    ).filter((path) => path !== module);
  t.same(broughtBy(beamWith(packed, '/bin/df -k -l ', 'mv is a tool', 'mv')), ['/usr/bin/df']);
  t.same(broughtBy(beamWith(plain, 'x', 'df -lk')), ['/usr/bin/df']);
  const damaged = beamWith((terms) => packed(terms).fill(0, 4), 'df -lk');
  for (const beam of [damaged, damaged.subarray(0, 30), Buffer.from('FOR1'), Buffer.alloc(0)])
    t.same(broughtBy(beam), []);
});

t.test('the package of a module comes for a copied script, and that of a gem for one of Ruby', async (t) => {
  const program = (name: string) => ({ files: { [`/usr/bin/${name}`]: elfWithStrings() } });
  const gems = '/usr/share/rubygems-integration/all/gems';
  const root = makeSystem({
    packages: {
      python3: program('python3'),
      'python3-flask': {
        control: 'Depends: flask-data',
        files: { '/usr/lib/python3/dist-packages/flask/__init__.py': '' },
      },
      'flask-data': { files: { '/usr/share/flask/data': '' } },
      ruby: program('ruby'),
      'ruby-sinatra': {
        control: 'Depends: ruby-data',
        files: { [`${gems}/sinatra-4/lib/sinatra/base.rb`]: '' },
      },
      'ruby-data': { files: { '/usr/share/ruby-data/data': '' } },
    },
    files: { '/srv/app.py': 'from flask import Flask\n', '/srv/config.ru': "require 'sinatra/base'\n" },
  });
  const brought = (...programs: readonly string[]) => {
    const source = { root, cpu: { hwcaps: [] }, users: [] };
    const copies = ['/srv/app.py', '/srv/config.ru'].map((path) => ({
      from: bytePath(path),
      to: bytePath(path),
    }));
    const plan = finish(planJail({ ...EMPTY_RECIPE, programs: programs.map(bytePath), copies }, source));
    return plan.entries.map(({ path }) => path as string).filter((path) => path.endsWith('/data'));
  };
  t.same(brought('/usr/bin/python3'), ['/usr/share/flask/data']);
  t.same(brought('/usr/bin/ruby'), ['/usr/share/ruby-data/data']);
  t.same(brought(), []);
});

t.test("a program's package brings recommended data in a directory that its settings name", async (t) => {
  const system: MadeSystem = {
    packages: {
      xetex: {
        control: 'Source: tex\nRecommends: lmodern, fonts-other',
        files: {
          '/usr/bin/xetex': elfWithStrings('/usr/share/fonts'),
          '/usr/share/texlive/texmf.cnf': 'TEXMFDEBIAN = /usr/share/texmf\n',
        },
      },
      lmodern: { files: { '/usr/share/texmf/fonts/lm/lmr10.pfb': '' } },
      'tex-gyre': { files: { '/usr/share/texmf/fonts/gyre/q.pfb': '' } },
      'fonts-other': { files: { '/usr/share/fonts/other/x.ttf': '' } },
      'fonts-more': { files: { '/usr/share/fonts/more/x.ttf': '' } },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/xetex')), [
    '/usr/bin/xetex',
    '/usr/share/texlive/texmf.cnf',
    '/usr/share/texmf/fonts/lm/lmr10.pfb',
  ]);
});
