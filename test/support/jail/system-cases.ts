// A case for each pack of the system: the program that is recognised, what the host has, and what comes along.

import type { Tree } from '../binary/image.ts';
import { makeLibrary, makeProgram, type ProgramImage } from './jail.ts';

export interface Case {
  readonly pack: string;
  /** The program that is asked for. */
  readonly program?: string;
  readonly image?: ProgramImage;
  /** The files of the host. */
  readonly host?: Tree;
  /** Paths of the jail. */
  readonly brings: readonly string[];
  /** The expected reason, if it is not the program. */
  readonly by?: string;
  /** The files that must not come along. */
  readonly spares?: readonly string[];
}

const NSSWITCH = 'passwd: files systemd\nhosts: files mdns4_minimal [NOTFOUND=return] dns myhostname # x\n';
export const library = (name: string, ...texts: readonly string[]): Tree => ({
  [`/lib/sys/${name}`]: makeLibrary(texts),
});

export const SYSTEM: readonly Case[] = [
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
];
