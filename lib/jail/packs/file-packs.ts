// Packs that list files and directories, and the pack of XML catalogs, which name other files.

import { type BytePath, bytePath, joinPath, parentPath } from '../../tree/path.ts';
import { isExecutable, statusOf } from '../../tree/walk.ts';
import { words } from '../../words/word-list.ts';
import { runs } from './self-check.ts';
import type { Pack, PackHost, Part } from './pack.ts';
import { allIn } from './pack-host.ts';
import { filesBelow } from './script-modules.ts';

export const shm: Pack = {
  name: 'shm',
  summary: '/dev/shm, for shared memory and semaphores',
  // the C library creates its files there (shm_overview(7), sem_overview(7))
  when: { imports: ['shm_open', 'sem_open'] },
  parts: [{ directory: '/dev/shm', mode: 0o1777 }],
};

// A link of update-alternatives that no package lists: its maintainer script makes it.
export const pascal: Pack = {
  name: 'pascal',
  summary: "the configuration of Free Pascal's compiler, with the places of its units",
  when: { executables: /^(?:fpc|ppc\w+)(?:-[\d.]+)?$/ },
  parts: [{ path: '/etc/fpc.cfg' }],
};

// Programs that do nothing without a terminal; interpreters merely can open one.
const ON_TERMINALS = /^(?:tmux|screen(?:-[\d.]+)?|dtach|abduco|zellij|expect|unbuffer|script)$/;

/** The jail has programs that open terminals, and no place for them. */
export const terminalWarning =
  'programs in the jail can open terminals only with /dev/pts: start them with uchroot --isolate --dev /dev';

export const pty: Pack = {
  name: 'pty',
  summary: '/dev/pts and /dev/ptmx, for mounting a devpts file system',
  when: { imports: ['posix_openpt', 'openpty', 'forkpty', 'getpt'] },
  parts: [
    { directory: '/dev/pts', mode: 0o755 },
    // not a device: that would also look for a devpts beside it (Documentation/filesystems/devpts.rst of the kernel)
    { link: '/dev/ptmx', target: 'pts/ptmx' },
  ],
  wants: (jail) =>
    jail.executables(ON_TERMINALS).length === 0 || statusOf(jail.root, '/dev/pts/ptmx' as BytePath)
      ? undefined
      : terminalWarning,
};

// systemd mounts its socket there while the service runs (--unit systemd --notify); it would not remove a directory it creates.
export const notify: Pack = {
  name: 'notify',
  summary: '/run/systemd, for mounting the sockets of systemd',
  when: { imports: ['sd_notify', 'sd_notifyf', 'sd_pid_notify', 'sd_pid_notify_with_fds'] },
  parts: [{ directory: '/run/systemd', mode: 0o755 }],
};

// A daemon writes its pid file and sockets into /run, on the host as root. In a jail it is an ordinary user from the start, so
// /run is sticky as /tmp is: every user can create files, and only their owner can remove them.
export const run: Pack = {
  name: 'run',
  summary: '/run, /run/lock and /var/tmp, writable as /tmp is',
  when: {
    // daemon(3), or a program of the system (hier(7)): other programs write no pid file
    imports: ['daemon'],
    paths: /^(?:\/usr(?:\/local)?)?\/sbin\/[^/]+$/,
  },
  parts: [
    ...['/run', '/run/lock', '/var/tmp'].map((directory) => ({ directory, mode: 0o1777 })),
    { link: '/var/run', target: '/run' },
    { link: '/var/lock', target: '/run/lock' },
  ],
};

const CONFIGURATION = '/etc/krb5.conf';
// Only servers open the plugins in kdb, which their package brings.
const OTHERS = [
  ...['/etc/krb5.conf.d', '/etc/gss/mech.d', '$LIB/gss'].map((tree) => ({ tree })),
  { tree: '$LIB/krb5/plugins', except: /\/kdb$/ },
];

export const krb5: Pack = {
  name: 'krb5',
  summary: 'the configuration and plugins of Kerberos, where it is set up',
  when: { libraries: /^libkrb5\.so/ },
  // curl links with the library too, but without a realm (krb5.conf(5)) it is not used
  parts: (host) => [{ path: CONFIGURATION }, ...(host.find(CONFIGURATION).length === 0 ? [] : OTHERS)],
};

export const sasl: Pack = {
  name: 'sasl',
  summary: 'plugins of SASL',
  // Not sasl_client_new: libldap calls it in every program, such as curl.
  when: {
    imports: 'sasl_server_init sasl_server_new ldap_sasl_interactive_bind ldap_sasl_interactive_bind_s'.split(
      ' ',
    ),
  },
  parts: [
    // sasldb is for passwords in a database that is not world-readable
    { tree: '$LIB/sasl2', except: /\/libsasldb\.[^/]*$/ },
    { tree: '/etc/sasl2' },
  ],
};

// ldap.conf(5) on Debian and on other systems
const PLACES = ['/etc/ldap/ldap.conf', '/etc/openldap/ldap.conf'];

export const ldap: Pack = {
  name: 'ldap',
  summary: "the configuration of LDAP's clients",
  when: { imports: ['ldap_initialize'] },
  parts: PLACES.map((path) => ({ path })),
};

// A driver is named without its directory, and libodbc opens it in its own (odbcinst(1)).
const DRIVERS = '/etc/odbcinst.ini';

export const odbc: Pack = {
  name: 'odbc',
  summary: 'the drivers and data sources of ODBC',
  when: { libraries: /^libi?odbc(?:inst)?\.so/ },
  parts: (host) =>
    // gdal links with the library too, and does nothing with it if there are no drivers
    host.find('$LIB/odbc/*.so').length === 0
      ? []
      : [{ path: DRIVERS }, { path: '/etc/odbc.ini' }, { tree: '$LIB/odbc' }],
};

// libmagic(3) and magic(5)
const MAGIC = words(`
  /etc/magic /etc/magic.mime
  /usr/share/misc/magic.mgc /usr/share/file/magic.mgc /usr/lib/file/magic.mgc
`);

export const magic: Pack = {
  name: 'magic',
  summary: 'the database of file types',
  when: { libraries: /^libmagic\.so/ },
  parts: MAGIC.map((path) => ({ path })),
  check: runs(/^file$/, '/etc/passwd'),
};

// beside the C library, and in the library directory of musl
const LIBGCC_PLACES = ['$LIB/libgcc_s.so.1', '/usr/lib/libgcc_s.so.1'];

export const libgcc: Pack = {
  name: 'libgcc',
  summary: 'libgcc_s, without which a thread cannot be cancelled',
  // pthread_exit aborts without it: "libgcc_s.so.1 must be installed for pthread_exit to work" (glibc, unwind-link.c)
  when: { imports: ['pthread_cancel', 'pthread_exit', 'backtrace'] },
  parts: LIBGCC_PLACES.map((path) => ({ path })),
};

const SCHEMAS = '/usr/share/glib-2.0/schemas/gschemas.compiled';
const MIME = ['mime.cache', 'globs2', 'magic', 'aliases', 'subclasses'];

export const glib: Pack = {
  name: 'glib',
  summary: 'modules of GIO, compiled settings and file types',
  when: { libraries: /^libgio-2\.0\.so/ },
  parts: [
    { tree: '$LIB/gio/modules' },
    // a program whose settings have no schema aborts (g_settings_new)
    { path: SCHEMAS },
    // the cache, not the thousands of sources of it (update-mime-database(1))
    ...MIME.map((name) => ({ path: `/usr/share/mime/${name}` })),
  ],
};

export const pixbuf: Pack = {
  name: 'pixbuf',
  summary: "gdk-pixbuf's loaders for image formats",
  when: { libraries: /^libgdk_pixbuf-2\.0\.so/ },
  parts: [{ tree: '$LIB/gdk-pixbuf-2.0', except: /\/gdk-pixbuf-[^/]*$/ }], // its own programs
};

export const gstreamer: Pack = {
  name: 'gstreamer',
  summary: 'plugins of GStreamer',
  when: { libraries: /^libgstreamer-1\.0\.so/ },
  parts: [
    { tree: '$LIB/gstreamer-1.0' },
    // the program that examines the plugins, in a process of its own
    { path: '$LIB/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner' },
    { path: '/usr/libexec/gstreamer-1.0/gst-plugin-scanner' },
  ],
};

// The time zone is UTC without a file (tzset(3)), or if the last line of the TZif file says so (RFC 9636).
const IS_UTC = /\nUTC0\n$/;

export const timezone: Pack = {
  name: 'timezone',
  summary: 'the time zone of the host, unless it is UTC',
  when: {
    imports: ['localtime', 'localtime_r', '__localtime64_r', 'tzset', 'mktime', '__mktime64'],
    texts: ['/etc/localtime'],
  },
  parts: (host) => {
    const zone = host.readText('/etc/localtime');
    if (host.trigger !== undefined && IS_UTC.test(zone ?? '\nUTC0\n')) return [];
    return [{ path: '/etc/localtime' }, { path: '/etc/timezone' }];
  },
};

export const zoneinfo: Pack = {
  name: 'zoneinfo',
  summary:
    'all time zones, by name: for interpreters, for programs that look zones up by name, and for date(1)',
  when: {
    packs: /^(?:python|ruby|tcl)$/,
    // TZ='America/Los_Angeles' date; scripts of packages, such as git's, ask it for this zone alone
    asked: /^date$/,
    // std::chrono::locate_zone() and get_tzdb() of C++20
    imports: [
      '_ZNSt6chrono11locate_zoneESt17basic_string_viewIcSt11char_traitsIcEE',
      '_ZNSt6chrono8get_tzdbEv',
    ],
    // As C strings: most Go programs contain the path without a NUL, needed or not. The name of a function is there only if the
    // program calls it.
    texts: ['/usr/share/zoneinfo\0', '/usr/share/zoneinfo/%s', 'time.LoadLocation\0'],
  },
  parts: [
    // right and posix have the same zones again, with and without leap seconds
    { tree: '/usr/share/zoneinfo', except: /^\/usr\/share\/zoneinfo\/(?:right|posix|leap-?seconds.*)$/ },
  ],
};

// compiled into libxml2 (xmlcatalog(1))
const CATALOG = '/etc/xml/catalog';
const MOST_CATALOGS = 1000;

// delegateSystem, delegatePublic, delegateURI and nextCatalog (OASIS XML Catalogs 1.1)
const NEXT = /<(?:delegate\w+|nextCatalog)\s[^>]*\bcatalog\s*=\s*["'](?:file:\/\/)?([^"'\n]+)["']/g;

/** The catalog, and all catalogs that it leads to. */
function catalogsOf({ readText }: PackHost): readonly BytePath[] {
  const found = new Set<BytePath>();
  const queue = [bytePath(CATALOG)];
  for (let at = queue.pop(); at !== undefined && found.size < MOST_CATALOGS; at = queue.pop()) {
    const text = found.has(at) ? undefined : readText(at);
    if (text === undefined) continue;
    found.add(at);
    // other addresses, such as http://…, are no files
    const next = allIn(text, NEXT).filter((name) => !/^\w+:|\0/.test(name));
    for (const name of next) queue.push(joinPath(parentPath(at), name as BytePath));
  }
  return [...found];
}

// A catalog in a directory of its own lists the files beside it, which name others there.
const OF_SCHEMA = /^\/(?:usr(?:\/local)?\/share|opt)\/[^/]+\/[^/]+\//;
const NOT_READ = String.raw`/(?:docs?|contrib|examples?|tools)$`;

function partOf({ root, readText }: PackHost, catalog: BytePath): Part {
  if (!OF_SCHEMA.test(catalog)) return { path: catalog };
  const tree = parentPath(catalog);
  // scripts for authors would bring their interpreters
  const isProgram = (path: BytePath) => isExecutable(root, path) && readText(path)?.startsWith('#!') === true;
  const programs = filesBelow(root, tree, /(?:)/, /^$/).filter(isProgram);
  const exactly = programs.map((path) => `^${path.replaceAll(/\W/g, String.raw`\$&`)}$`);
  return { tree, except: new RegExp([NOT_READ, ...exactly].join('|')) };
}

export const xml: Pack = {
  name: 'xml',
  summary: 'XML catalogs, and the schemas and stylesheets that they lead to',
  when: {
    // not every program with libxml2: few ask for schemas by address
    ownImports: words(
      'xmlLoadCatalogs xmlLoadCatalog xmlInitializeCatalog xmlCatalogResolve xmlCatalogResolveURI',
    ),
  },
  parts: (host) => catalogsOf(host).map((path) => partOf(host, path)),
};
