import t from 'tap';

import { readElf } from '../../../lib/binary/elf.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import {
  isSearchText,
  searchedByElf,
  searchedByScript,
  searchedByText,
} from '../../../lib/jail/search/searched-places.ts';
import { makeElf } from '../../support/binary/image.ts';

function placesIn(path: string, text: string): readonly string[] {
  t.ok(isSearchText(bytePath(path)), path);
  return [...searchedByText(bytePath(text), bytePath(path))].map((one) => one.path);
}

t.test('a .pth file names directories, and lines that begin with import are code', async (t) => {
  const path = '/usr/lib/python3/dist-packages/app.pth';
  t.same(placesIn(path, '# /a\n\nimport sys; sys.path.append("/b")\nimportant\n/srv/app\n../x\n'), [
    '/usr/lib/python3/dist-packages/important',
    '/srv/app',
    '/usr/lib/python3/dist-packages/../x',
  ]);
});

t.test('the home of a virtual environment is where Python has its modules', async (t) => {
  t.same(placesIn('/opt/app/pyvenv.cfg', 'home = /srv/python/bin\nversion = 3.13\n'), ['/srv/python/bin']);
});

t.test('ld.so.preload has blanks or colons between libraries', async (t) => {
  t.same(placesIn('/etc/ld.so.preload', '/a.so /b.so:/c.so\n# /d.so\n'), ['/a.so', '/b.so', '/c.so']);
});

t.test('modules of PAM, PHP, OpenSSL, Apache and nginx count where their path is absolute', async (t) => {
  t.same(
    placesIn(
      '/etc/pam.d/su',
      'auth required pam_unix.so\nauth required /srv/pam_x.so nullok\n#auth x /y.so\n',
    ),
    ['/srv/pam_x.so'],
  );
  t.same(
    placesIn(
      '/etc/php/8.4/cli/php.ini',
      'include_path = ".:/srv/php"\nextension=curl\nzend_extension=/srv/x.so\n',
    ),
    ['/srv/php', '/srv/x.so'],
  );
  t.same(placesIn('/etc/ssl/openssl.cnf', 'dynamic_path = /srv/engine.so\n'), ['/srv/engine.so']);
  t.same(placesIn('/etc/apache2/mods-enabled/x.load', 'LoadModule x_module /srv/mod_x.so\n'), [
    '/srv/mod_x.so',
  ]);
  t.same(placesIn('/etc/nginx/nginx.conf', 'load_module "/srv/mod.so";\nload_module modules/y.so;\n'), [
    '/srv/mod.so',
  ]);
});

t.test('a line that ends in CR LF, or in CR alone, names what it names', async (t) => {
  t.same(placesIn('/usr/lib/python3/dist-packages/app.pth', '/tmp/a\r\n/tmp/b\r/tmp/c'), [
    '/tmp/a',
    '/tmp/b',
    '/tmp/c',
  ]);
  t.same(placesIn('/opt/app/pyvenv.cfg', 'home = /srv/python/bin\r\n'), ['/srv/python/bin']);
});

t.test('PAM includes files, takes a module of any name, and runs programs', async (t) => {
  t.same(
    placesIn(
      '/etc/pam.d/su',
      '@include /a\nauth include /b\n-auth [success=1 default=ignore] /c nullok\n' +
        'session optional pam_exec.so seteuid /d /e\n# auth required /f\nauth required pam_motd.so motd=/g\n',
    ),
    ['/a', '/b', '/c', '/d'],
  );
  t.same(placesIn('/etc/pam.conf', 'su auth required /a.so\n'), ['/a.so']);
});

t.test('variables of the system, converters and modules of servers count', async (t) => {
  t.same(placesIn('/etc/environment', 'PATH="/usr/bin:/tmp/bin:$X"\nLD_PRELOAD=/tmp/a.so\nHOME=/tmp\n'), [
    '/usr/bin',
    '/tmp/bin',
    '/tmp/a.so',
  ]);
  t.same(placesIn('/etc/profile.d/x.sh', '  export PYTHONPATH=/tmp/lib; x\n'), ['/tmp/lib']);
  t.same(
    placesIn('/usr/lib/x86_64-linux-gnu/gconv/gconv-modules', 'alias A// B//\nmodule A// B// /tmp/x 1\n'),
    ['/tmp/x'],
  );
  t.same(placesIn('/etc/redis/redis.conf', 'loadmodule /tmp/x.so a\n'), ['/tmp/x.so']);
  t.same(placesIn('/etc/nginx/nginx.conf', 'include /tmp/*.conf;\n'), ['/tmp/*.conf']);
  t.same(placesIn('/etc/apache2/apache2.conf', 'IncludeOptional /tmp/*.load\nLoadFile /tmp/x.so\n'), [
    '/tmp/*.load',
    '/tmp/x.so',
  ]);
});

t.test('no other file names any', async (t) => {
  t.notOk(isSearchText(bytePath('/etc/passwd')));
  t.same([...searchedByText(bytePath('/srv\n'), bytePath('/etc/passwd'))], []);
});

t.test('a RUNPATH names its directories, and those that depend on the working directory', async (t) => {
  const image = makeElf({ needed: ['liba.so'], runpath: 'opt:/srv/lib' });
  const elf = readElf((at, length) => image.subarray(at, at + length));
  if (elf.kind !== 'elf') throw new Error('no ELF file');
  const places = [...searchedByElf(elf, bytePath('/bin/p'))].filter(({ by }) => by === 'its RUNPATH');
  const paths: readonly string[] = places.map(({ path }) => path);
  t.same(paths.slice(0, 2), ['opt', '/srv/lib']);
  t.same(paths.at(-1), '/srv/lib/liba.so');
});

t.test('a program names its loader, and libraries by path', async (t) => {
  const placesOf = (image: Parameters<typeof makeElf>[0]) => {
    const data = makeElf(image);
    const elf = readElf((offset, length) => data.subarray(offset, offset + length));
    return elf.kind === 'elf' ? [...searchedByElf(elf, bytePath('/bin/x'))] : elf.message;
  };
  t.same(placesOf({ interpreter: '/lib/ld.so', needed: ['libc.so.6', '/srv/liba.so'] }), [
    { path: '/lib/ld.so', by: 'its loader (PT_INTERP)' },
    { path: '/srv/liba.so', by: 'its DT_NEEDED' },
  ]);
  t.same(placesOf({ needed: ['libc.so.6'] }), []);
});

t.test('a script names its interpreter, and paths in the argument of that', async (t) => {
  const argument = bytePath('-I/srv/lib -x=/a:/b c/d');
  const placesOf = (script: object) =>
    [
      ...searchedByScript({
        kind: 'script',
        interpreter: bytePath('/bin/perl'),
        line: bytePath('#!'),
        ...script,
      }),
    ].map(({ path }) => path);
  t.same(placesOf({ argument }), ['/bin/perl', '/srv/lib', '/a', '/b']);
  t.same(placesOf({}), ['/bin/perl']);
});
