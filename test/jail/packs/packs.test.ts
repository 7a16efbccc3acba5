// All packs: by what each is recognised, what it brings, and that its self-check notices when that is not there.

import t from 'tap';

import { packs } from '../../../lib/jail/packs/index.ts';
import type { When } from '../../../lib/jail/packs/pack.ts';
import { memoryRoot, type Tree } from '../../support/binary/image.ts';
import {
  jailOf,
  makeLibrary,
  makeProgram,
  pathsIn,
  planOf,
  probeOf,
  type ProgramImage,
} from '../../support/jail/jail.ts';

interface Case {
  readonly pack: string;
  /** The program that is asked for. */
  readonly program?: string;
  readonly image?: ProgramImage;
  /** What the host has. */
  readonly host?: Tree;
  /** Paths of the jail. */
  readonly brings: readonly string[];
  /** What is told as the reason, if it is not the program. */
  readonly by?: string;
  /** What must not come along. */
  readonly spares?: readonly string[];
}

const NSSWITCH = 'passwd: files systemd\nhosts: files mdns4_minimal [NOTFOUND=return] dns myhostname # x\n';
const library = (name: string, ...texts: readonly string[]): Tree => ({
  [`/lib/sys/${name}`]: makeLibrary(texts),
});

const CASES: readonly Case[] = [
  { pack: 'base', brings: ['/tmp', '/dev/null', '/dev/stdin', '/etc/passwd', '/etc/group'] },
  {
    pack: 'names',
    image: { imports: ['gethostbyname'] },
    host: {
      '/etc/nsswitch.conf': NSSWITCH,
      ...library('libnss_myhostname.so.2'),
      ...library('libnss_systemd.so.2'),
    },
    brings: ['/etc/nsswitch.conf', '/lib/sys/libnss_myhostname.so.2'],
    spares: ['/lib/sys/libnss_systemd.so.2'],
  },
  {
    pack: 'dns',
    image: { imports: ['getaddrinfo'] },
    host: {
      '/etc/resolv.conf': { link: '/run/resolv.conf' },
      '/run/resolv.conf': 'nameserver ::1\n',
      '/etc/hosts': '',
    },
    brings: ['/etc/resolv.conf', '/etc/hosts'],
    spares: ['/run/systemd'],
  },
  {
    pack: 'tls',
    image: { needed: ['libssl.so.3'] },
    host: {
      ...library('libssl.so.3'),
      '/etc/ssl/certs/ca-certificates.crt': '-----BEGIN CERTIFICATE-----',
      '/etc/ssl/certs/x.pem': { link: '/usr/share/ca-certificates/x.crt' },
      '/usr/share/ca-certificates/x.crt': '',
      '/etc/ssl/private/key.pem': '',
      '/usr/lib/ssl/openssl.cnf': { link: '/etc/ssl/openssl.cnf' },
      '/etc/ssl/openssl.cnf': '',
      '/lib/sys/ossl-modules/legacy.so': makeLibrary(),
      '/lib/sys/engines-3/afalg.so': makeLibrary(),
    },
    brings: [
      '/etc/ssl/certs/ca-certificates.crt',
      '/etc/ssl/certs/x.pem',
      '/usr/share/ca-certificates/x.crt',
      '/usr/lib/ssl/openssl.cnf',
      '/etc/ssl/openssl.cnf',
      '/lib/sys/ossl-modules/legacy.so',
    ],
    by: '/lib/sys/libssl.so.3',
    spares: ['/etc/ssl/private', '/lib/sys/engines-3'],
  },
  {
    pack: 'timezone',
    image: { imports: ['localtime'] },
    host: {
      '/etc/localtime': { link: '/usr/share/zoneinfo/Europe/Berlin' },
      '/usr/share/zoneinfo/Europe/Berlin': 'TZif2\n…\nCET-1CEST,M3.5.0,M10.5.0/3\n',
      '/etc/timezone': 'Europe/Berlin\n',
    },
    brings: ['/usr/share/zoneinfo/Europe/Berlin', '/etc/localtime', '/etc/timezone'],
  },
  {
    pack: 'zoneinfo',
    image: { texts: ['/usr/share/zoneinfo'] },
    host: { '/usr/share/zoneinfo/Europe/London': 'TZif', '/usr/share/zoneinfo/right/Europe/London': 'TZif' },
    brings: ['/usr/share/zoneinfo/Europe/London'],
    spares: ['/usr/share/zoneinfo/right'],
  },
  {
    pack: 'locale',
    image: { imports: ['_ZNSt6localeC1EPKc'] },
    host: {
      '/etc/default/locale': 'LANG="de_DE.UTF-8"\n',
      '/usr/lib/locale/de_DE.utf8/LC_CTYPE': '',
      '/usr/lib/locale/C.utf8/LC_CTYPE': '',
      '/usr/lib/locale/fr_FR.utf8/LC_CTYPE': '',
    },
    brings: ['/usr/lib/locale/de_DE.utf8/LC_CTYPE', '/usr/lib/locale/C.utf8/LC_CTYPE'],
    spares: ['/usr/lib/locale/fr_FR.utf8'],
  },
  {
    pack: 'terminfo',
    image: { needed: ['libtinfo.so.6'] },
    host: {
      ...library('libtinfo.so.6'),
      '/usr/share/terminfo/x/xterm': '',
      '/usr/share/terminfo/x/xerox': '',
    },
    brings: ['/usr/share/terminfo/x/xterm'],
    by: '/lib/sys/libtinfo.so.6',
    spares: ['/usr/share/terminfo/x/xerox'],
  },
  {
    pack: 'gconv',
    image: { imports: ['iconv_open'] },
    host: {
      '/lib/sys/gconv/gconv-modules':
        'module ISO-8859-1// INTERNAL ISO8859-1 1\nmodule IBM037// INTERNAL IBM037 1\n',
      '/lib/sys/gconv/ISO8859-1.so': makeLibrary(),
      '/lib/sys/gconv/IBM037.so': makeLibrary(),
    },
    brings: ['/lib/sys/gconv/gconv-modules', '/lib/sys/gconv/ISO8859-1.so'],
    spares: ['/lib/sys/gconv/IBM037.so'],
  },
  {
    pack: 'libgcc',
    image: { imports: ['pthread_cancel'] },
    host: library('libgcc_s.so.1'),
    brings: ['/lib/sys/libgcc_s.so.1'],
  },
  {
    pack: 'shell',
    image: { texts: ['/bin/sh', 'rm -rf %s', 'exec mv %s', 'find no rest', 'a tar -x', 'cat'] },
    host: {
      '/bin/sh': { link: 'dash' },
      '/bin/dash': makeProgram(),
      ...Object.fromEntries(
        ['rm', 'mv', 'find', 'tar', 'cat'].map((name) => [`/bin/${name}`, makeProgram()]),
      ),
    },
    brings: ['/bin/dash', '/bin/sh', '/bin/rm', '/bin/mv'],
    spares: ['/bin/find', '/bin/tar', '/bin/cat'],
  },
  { pack: 'shm', image: { imports: ['sem_open'] }, brings: ['/dev/shm'] },
  { pack: 'pty', image: { imports: ['openpty'] }, brings: ['/dev/pts', '/dev/ptmx'] },
  {
    pack: 'syslog',
    image: { imports: ['openlog'] },
    host: { '/dev/log': { link: '/run/systemd/journal/dev-log' } },
    brings: ['/dev/log', '/run/systemd/journal'],
  },
  { pack: 'notify', image: { imports: ['sd_notify'] }, brings: ['/run/systemd'] },
  { pack: 'run', program: '/usr/sbin/p', brings: ['/run', '/run/lock', '/var/run', '/var/tmp'] },
  {
    pack: 'pam',
    image: { needed: ['libpam.so.0'] },
    host: {
      ...library('libpam.so.0'),
      '/etc/pam.d/other':
        '# pam_old.so\nauth [success=1 default=ignore] pam_unix.so nullok\n-session optional pam_x.so\n',
      '/lib/sys/security/pam_unix.so': makeLibrary(),
      '/lib/sys/security/pam_old.so': makeLibrary(),
    },
    brings: ['/etc/pam.d/other', '/lib/sys/security/pam_unix.so'],
    by: '/lib/sys/libpam.so.0',
    spares: ['/lib/sys/security/pam_old.so'],
  },
  {
    pack: 'krb5',
    image: { needed: ['libkrb5.so.3'] },
    host: {
      ...library('libkrb5.so.3'),
      '/etc/krb5.conf': '',
      '/lib/sys/krb5/plugins/preauth/x.so': makeLibrary(),
    },
    brings: ['/etc/krb5.conf', '/lib/sys/krb5/plugins/preauth/x.so'],
    by: '/lib/sys/libkrb5.so.3',
  },
  {
    pack: 'sasl',
    image: { imports: ['sasl_server_new'] },
    host: { '/lib/sys/sasl2/libplain.so': makeLibrary(), '/lib/sys/sasl2/libsasldb.so': makeLibrary() },
    brings: ['/lib/sys/sasl2/libplain.so'],
    spares: ['/lib/sys/sasl2/libsasldb.so'],
  },
  {
    pack: 'ldap',
    image: { imports: ['ldap_initialize'] },
    host: { '/etc/ldap/ldap.conf': '' },
    brings: ['/etc/ldap/ldap.conf'],
  },
  {
    pack: 'odbc',
    image: { needed: ['libodbc.so.2'] },
    host: {
      ...library('libodbc.so.2'),
      '/etc/odbcinst.ini': '[SQLite3]\nDriver=libsqlite3odbc.so\n',
      '/lib/sys/odbc/libsqlite3odbc.so': makeLibrary(),
    },
    brings: ['/etc/odbcinst.ini', '/lib/sys/odbc/libsqlite3odbc.so'],
    by: '/lib/sys/libodbc.so.2',
  },
  {
    pack: 'xml',
    image: { imports: ['xmlLoadCatalogs'] },
    host: {
      '/etc/xml/catalog':
        '<delegateURI uriStartString="http://x/" catalog="file:///etc/xml/x.xml"/>\n' +
        '<nextCatalog catalog="http://x/catalog"/><nextCatalog catalog="file:///etc/shadow.xml"/>\n',
      '/etc/xml/x.xml': '<nextCatalog\n catalog="file:///usr/share/xml/x/catalog.xml"/>',
      '/etc/xml/old.xml': '',
      '/usr/share/xml/x/catalog.xml':
        '<uri name="http://x/x.xsl" uri="x.xsl"/><nextCatalog catalog="catalog.xml"/>',
      '/usr/share/xml/x/x.xsl': '',
      '/usr/share/xml/x/doc/x.html': '',
      '/usr/share/xml/x/index': '#!/usr/bin/perl\n',
    },
    brings: ['/etc/xml/catalog', '/etc/xml/x.xml', '/usr/share/xml/x/catalog.xml', '/usr/share/xml/x/x.xsl'],
    spares: ['/etc/xml/old.xml', '/usr/share/xml/x/doc', '/usr/share/xml/x/index'],
  },
  {
    pack: 'magic',
    image: { needed: ['libmagic.so.1'] },
    host: {
      ...library('libmagic.so.1'),
      '/usr/share/misc/magic.mgc': { link: '../../lib/file/magic.mgc' },
      '/usr/lib/file/magic.mgc': '',
    },
    brings: ['/usr/lib/file/magic.mgc', '/usr/share/misc/magic.mgc'],
    by: '/lib/sys/libmagic.so.1',
  },
  {
    pack: 'fontconfig',
    image: { needed: ['libfontconfig.so.1'] },
    host: {
      ...library('libfontconfig.so.1'),
      '/etc/fonts/fonts.conf': '',
      '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf': '',
      '/usr/share/fonts/truetype/noto/NotoSans.ttf': '',
      '/usr/share/fonts/opentype/urw-base35/NimbusSans-Regular.otf': '',
    },
    brings: [
      '/etc/fonts/fonts.conf',
      '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
      '/usr/share/fonts/opentype/urw-base35/NimbusSans-Regular.otf',
    ],
    by: '/lib/sys/libfontconfig.so.1',
    spares: ['/usr/share/fonts/truetype/noto'],
  },
  {
    pack: 'glib',
    image: { needed: ['libgio-2.0.so.0'] },
    host: {
      ...library('libgio-2.0.so.0'),
      '/lib/sys/gio/modules/libgiognutls.so': makeLibrary(),
      '/usr/share/glib-2.0/schemas/gschemas.compiled': '',
      '/usr/share/mime/mime.cache': '',
      '/usr/share/mime/text/plain.xml': '',
    },
    brings: ['/lib/sys/gio/modules/libgiognutls.so', '/usr/share/glib-2.0/schemas/gschemas.compiled'],
    by: '/lib/sys/libgio-2.0.so.0',
    spares: ['/usr/share/mime/text'],
  },
  {
    pack: 'pixbuf',
    image: { needed: ['libgdk_pixbuf-2.0.so.0'] },
    host: {
      ...library('libgdk_pixbuf-2.0.so.0'),
      '/lib/sys/gdk-pixbuf-2.0/2.10.0/loaders.cache': '',
      '/lib/sys/gdk-pixbuf-2.0/2.10.0/loaders/x.so': makeLibrary(),
      '/lib/sys/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders': makeProgram(),
    },
    brings: ['/lib/sys/gdk-pixbuf-2.0/2.10.0/loaders.cache', '/lib/sys/gdk-pixbuf-2.0/2.10.0/loaders/x.so'],
    by: '/lib/sys/libgdk_pixbuf-2.0.so.0',
    spares: ['/lib/sys/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders'],
  },
  {
    pack: 'gstreamer',
    image: { needed: ['libgstreamer-1.0.so.0'] },
    host: {
      ...library('libgstreamer-1.0.so.0'),
      '/lib/sys/gstreamer-1.0/libgstcoreelements.so': makeLibrary(),
    },
    brings: ['/lib/sys/gstreamer-1.0/libgstcoreelements.so'],
    by: '/lib/sys/libgstreamer-1.0.so.0',
  },
  {
    pack: 'python',
    program: '/usr/bin/python3.13',
    host: {
      '/usr/lib/python3.13/os.py': '',
      '/usr/lib/python3.13/test/x.py': '',
      '/usr/lib/python3.13/__pycache__/os.cpython-313.pyc': '',
      '/usr/lib/python3.9/os.py': '',
    },
    brings: ['/usr/lib/python3.13/os.py'],
    spares: ['/usr/lib/python3.13/test', '/usr/lib/python3.13/__pycache__', '/usr/lib/python3.9'],
  },
  {
    pack: 'perl',
    program: '/usr/bin/perl',
    image: {
      texts: ['/etc/perl', '/usr/share/perl5', '/usr/share/perl/5.40', '/usr/local/share/perl/5.40.1'],
    },
    host: {
      '/usr/share/perl/5.40/strict.pm': '',
      '/usr/share/perl/5.40/pod/perlfunc.pod': '',
      '/usr/share/perl/5.40/pod/perldiag.pod': '',
      '/usr/share/perl5/Debconf.pm': '',
    },
    brings: ['/usr/share/perl/5.40/strict.pm', '/usr/share/perl/5.40/pod/perldiag.pod'],
    spares: ['/usr/share/perl5', '/usr/share/perl/5.40/pod/perlfunc.pod'],
  },
  {
    pack: 'ruby',
    program: '/usr/bin/ruby3.3',
    image: { texts: ['/usr/lib/ruby/3.3.0', '/usr/lib/ruby/vendor_ruby/3.3.0'] },
    host: {
      '/usr/lib/ruby/3.3.0/set.rb': '',
      '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/lib/json.rb': '',
      '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/test/x.rb': '',
      '/var/lib/gems/3.3.0/gems/x-1/x.rb': '',
    },
    brings: ['/usr/lib/ruby/3.3.0/set.rb', '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/lib/json.rb'],
    spares: ['/usr/lib/ruby/gems/3.3.0/gems/json-2.7/test', '/var/lib/gems'],
  },
  {
    pack: 'node',
    program: '/usr/bin/node',
    image: { needed: ['libnode.so.115'] },
    host: {
      ...library('libnode.so.115', '/usr/share/nodejs/acorn/dist/acorn.js'),
      '/usr/share/nodejs/acorn/dist/acorn.js': '',
      '/usr/share/nodejs/acorn/package.json': '',
    },
    brings: ['/usr/share/nodejs/acorn/dist/acorn.js'],
    by: '/lib/sys/libnode.so.115',
    spares: ['/usr/share/nodejs/acorn/package.json'],
  },
  {
    pack: 'php',
    program: '/usr/bin/php8.4',
    image: { texts: ['/etc/php/8.4/cli', '/usr/lib/php/20240924', '/etc/php/8.4/cli/conf.d'] },
    host: {
      '/etc/php/8.4/cli/php.ini': ';extension=old\n',
      '/etc/php/8.4/cli/conf.d/20-curl.ini': { link: '/etc/php/8.4/mods-available/curl.ini' },
      '/etc/php/8.4/mods-available/curl.ini': 'extension=curl.so\n',
      '/usr/lib/php/20240924/curl.so': makeLibrary(),
      '/usr/lib/php/20240924/old.so': makeLibrary(),
    },
    brings: [
      '/etc/php/8.4/cli/php.ini',
      '/etc/php/8.4/mods-available/curl.ini',
      '/usr/lib/php/20240924/curl.so',
    ],
    spares: ['/usr/lib/php/20240924/old.so'],
  },
  {
    pack: 'tcl',
    image: { needed: ['libtcl8.6.so'] },
    host: {
      ...library('libtcl8.6.so', '/usr/share/tcltk/tcl8.6', '/usr/local/lib/tcltk:/usr/share/tcltk'),
      '/usr/share/tcltk/tcl8.6/init.tcl': '',
      '/usr/share/tcltk/tcl8/8.6/http-2.9.tm': '',
      '/usr/share/tcltk/tk8.6/tk.tcl': '',
    },
    brings: ['/usr/share/tcltk/tcl8.6/init.tcl', '/usr/share/tcltk/tcl8/8.6/http-2.9.tm'],
    by: '/lib/sys/libtcl8.6.so',
    spares: ['/usr/share/tcltk/tk8.6'],
  },
  {
    pack: 'lua',
    image: { needed: ['liblua5.4.so.0'] },
    host: {
      ...library(
        'liblua5.4.so.0',
        '/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua',
        '/lib/sys/lua/5.4/?.so',
      ),
      '/usr/share/lua/5.4/socket.lua': '',
      '/lib/sys/lua/5.4/lfs.so': makeLibrary(),
      '/usr/share/lua/5.1/socket.lua': '',
    },
    brings: ['/usr/share/lua/5.4/socket.lua', '/lib/sys/lua/5.4/lfs.so'],
    by: '/lib/sys/liblua5.4.so.0',
    spares: ['/usr/share/lua/5.1'],
  },
  {
    pack: 'guile',
    image: { needed: ['libguile-3.0.so.1'] },
    host: {
      ...library(
        'libguile-3.0.so.1',
        '/usr/share/guile/3.0',
        '/lib/sys/guile/3.0/ccache',
        '/usr/share/guile/site/3.0',
      ),
      '/usr/share/guile/3.0/ice-9/boot-9.scm': '',
      '/lib/sys/guile/3.0/ccache/ice-9/boot-9.go': '',
    },
    brings: ['/usr/share/guile/3.0/ice-9/boot-9.scm', '/lib/sys/guile/3.0/ccache/ice-9/boot-9.go'],
    by: '/lib/sys/libguile-3.0.so.1',
  },
  {
    pack: 'java',
    program: '/usr/lib/jvm/java-21/bin/java',
    host: {
      '/usr/lib/jvm/java-21/lib/modules': '',
      '/usr/lib/jvm/java-21/lib/server/libjvm.so': makeLibrary(),
      '/usr/lib/jvm/java-21/man/man1/java.1': '',
    },
    brings: ['/usr/lib/jvm/java-21/lib/modules', '/usr/lib/jvm/java-21/lib/server/libjvm.so'],
    spares: ['/usr/lib/jvm/java-21/man'],
  },
  {
    pack: 'cc',
    program: '/usr/bin/sys-gcc-14',
    host: {
      '/var/lib/dpkg/status': { link: '/nowhere' },
      '/usr/bin/sys-ld': makeProgram(),
      '/usr/bin/as': makeProgram(),
      '/usr/include/stdio.h': '',
      '/lib/sys/crt1.o': '',
      '/lib/sys/libc.so': '',
      '/usr/lib/gcc/x86_64-linux-gnu/14/crtbegin.o': '',
    },
    brings: [
      '/usr/bin/sys-ld',
      '/usr/bin/as',
      '/usr/include/stdio.h',
      '/lib/sys/crt1.o',
      '/lib/sys/libc.so',
      '/usr/lib/gcc/x86_64-linux-gnu/14/crtbegin.o',
    ],
  },
  {
    pack: 'gnupg',
    program: '/usr/bin/gpg',
    host: { '/usr/bin/gpg-agent': makeProgram(), '/usr/lib/gnupg/keyboxd': makeProgram() },
    brings: ['/usr/bin/gpg-agent', '/usr/lib/gnupg/keyboxd'],
  },
  {
    pack: 'commands',
    program: '/bin/s',
    host: {
      '/var/lib/dpkg/status': { link: '/nowhere' },
      '/bin/s': '#!/bin/sh\nsort /etc/passwd | /bin/uniq -c\n',
      '/bin/sh': makeProgram(),
      '/bin/sort': makeProgram(),
      '/bin/uniq': makeProgram(),
      '/bin/tsort': makeProgram(),
    },
    brings: ['/bin/sort', '/bin/uniq'],
    spares: ['/bin/tsort'],
  },
  {
    pack: 'local',
    program: '/usr/local/bin/p',
    image: { texts: ['/usr/local/share/data/x', '/usr/local/share/man'] },
    host: {
      '/usr/local/share/data/x': '',
      '/usr/local/share/man/p': '',
      '/usr/local/etc/p/conf': '',
      '/usr/local/share/other/x': '',
    },
    brings: ['/usr/local/share/data/x', '/usr/local/etc/p/conf'],
    spares: ['/usr/local/share/man', '/usr/local/share/other'],
  },
];

const packNamed = (name: string) => {
  const found = packs.find((pack) => pack.name === name);
  if (found === undefined) throw new Error(`no pack ${name}`);
  return found;
};

t.test('each pack has a name of its own, a summary that is a phrase, and at least one sign', async (t) => {
  t.equal(new Set(packs.map(({ name }) => name)).size, packs.length);
  for (const { name, summary, when } of packs) {
    t.match(name, /^[a-z][a-z0-9]*$/);
    t.notMatch(summary, /\.$/, name);
    t.ok(Object.values(when).some(isSign), name);
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
    packs.map(({ name }) => name),
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

    await t.test('its self-check is content with the jail', async (t) => {
      t.equal(await packNamed(pack).check(probeOf(jailOf(tree, plan))), undefined);
    });

    await t.test('its self-check says what is not there', async (t) => {
      const empty = await packNamed(pack).check(probeOf(memoryRoot({ '/bin/p': makeProgram() })));
      t.type(empty, 'string');
      t.notMatch(empty, /\n|\.$/);
    });
  });

t.test('a program that fails in the jail, or cannot be loaded, is told', async (t) => {
  const runs =
    'names tls shell gconv magic python perl ruby node php java guile cc gnupg local commands'.split(' ');
  for (const { pack, program = '/bin/p', image = {}, host = {} } of CASES.filter((one) =>
    runs.includes(one.pack),
  )) {
    const more = { '/bin/openssl': makeProgram(), '/bin/iconv': makeProgram(), '/bin/file': makeProgram() };
    const guile = { '/bin/guile': makeProgram() };
    const tree = { [program]: makeProgram(image), ...host, ...more, ...guile };
    const jail = jailOf(
      tree,
      planOf(tree, [program, '/bin/openssl', '/bin/iconv', '/bin/file', '/bin/guile']),
    );
    const ran = { exitCode: 1, stderr: 'Unable to load: no such thing\n' };
    t.match(
      await packNamed(pack).check(probeOf(jail, ran, ['it lacks x: no such thing'])),
      /no such thing/,
      pack,
    );
  }
});

t.test('what the jail cannot give itself is no failure, but it is said', async (t) => {
  const [pty, tls] = [packNamed('pty'), packNamed('tls')];
  const jail = (tree: Tree) => probeOf(memoryRoot(tree));
  const tmux = { '/dev/pts/.directory': '', '/usr/bin/tmux': makeProgram() };
  t.match(pty.wants?.(jail(tmux)), /uchroot --isolate --dev \/dev$/);
  t.type(pty.wants?.(jail({ '/dev/pts/.directory': '', '/usr/bin/expect': makeProgram() })), 'string');
  t.equal(pty.wants?.(jail({ ...tmux, '/dev/pts/ptmx': '' })), undefined, 'it is mounted');
  t.equal(pty.wants?.(jail({ '/usr/bin/python3': makeProgram() })), undefined);
  const bare = { '/etc/ssl/openssl.cnf': '' };
  t.equal(await tls.check(jail(bare)), undefined);
  t.match(tls.wants?.(jail(bare)), /certificates/);
  t.equal(await tls.check(jail({ '/lib/libc.so.6': '', '/lib/ossl-modules/legacy.so': '' })), undefined);
  t.equal(tls.wants?.(jail({ '/etc/ssl/certs/ca-certificates.crt': '' })), undefined);
  t.match(await tls.check(jail({ '/etc/ssl/certs/ca-certificates.crt': '' })), /no certificate/);
});
