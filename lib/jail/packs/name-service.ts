// Packs for looking up names: hosts, services and accounts; and /dev/log.

import type { BytePath } from '../../tree/path.ts';
import { words } from '../../words/word-list.ts';
import type { Pack, PackHost, Part } from './pack.ts';

const HOST_LOOKUPS = words(`
  getaddrinfo getaddrinfo_a getnameinfo gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r
  gethostbyaddr gethostbyaddr_r getnetbyname getnetbyname_r
`);

// services and protocols, by name or number
const RECORD_LOOKUPS = words(`
  getservbyname getservbyname_r getservbyport getservbyport_r getservent
  getprotobyname getprotobyname_r getprotobynumber getprotobynumber_r getprotoent
`);

const ACCOUNT_LOOKUPS = words(`
  getpwnam getpwnam_r getpwuid getpwuid_r getpwent getpwent_r getspnam getspnam_r
  getgrnam getgrnam_r getgrgid getgrgid_r getgrent getgrent_r getgrouplist initgroups
`);

// Direct queries of name servers (resolver(3)); the symbols of glibc begin with `__`.
const QUERIES = words('init query search ninit nquery nsearch').flatMap((name) =>
  ['res', '__res'].map((prefix) => `${prefix}_${name}`),
);

// A jail looks accounts up only in its own files, even if the host uses other services.
const ACCOUNTS = /^(?:passwd|group|shadow|gshadow|initgroups|subid|sudoers|netgroup)$/;

// These ask a service of the host over a socket, which the jail does not have.
const OF_SERVICES =
  /^(?:systemd|resolve|mymachines|sss|ldap|winbind|wins|mdns\w*|nis|nisplus|hesiod|libvirt\w*)$/;

export const names: Pack = {
  name: 'names',
  summary: 'nsswitch.conf, reduced to what works in a jail, with the modules that it names',
  when: { imports: [...HOST_LOOKUPS, ...RECORD_LOOKUPS, ...ACCOUNT_LOOKUPS] },
  parts: (host) => {
    // Since glibc 2.34 files and dns are part of libc.so; before, libc.so.6 was a link to libc-2.33.so (NEWS of glibc).
    const old = host.find('$LIB/libc-2.*.so').length > 0 ? ['files', 'dns'] : [];
    const conf = isAsked(host) ? reduce(host) : undefined;
    const modules = new Set([...old, ...(conf === undefined ? [] : servicesOf(conf))]);
    return [
      ...(conf === undefined ? [] : [{ file: '/etc/nsswitch.conf', content: conf }]),
      ...[...modules].filter((name) => !isBuiltIn(name) || old.length > 0).map(moduleOf),
    ];
  },
};

// Without nsswitch.conf, accounts are looked up in files; but hosts by dns first until glibc 2.35 (NEWS of glibc).
function isAsked({ trigger, sign }: PackHost): boolean {
  return trigger === undefined || sign({ imports: [...HOST_LOOKUPS, ...RECORD_LOOKUPS] }) !== undefined;
}

function reduce(host: PackHost): string {
  const lines = (host.readText('/etc/nsswitch.conf') ?? '').split('\n').flatMap((line) => {
    const [, database, value] = /^\s*(\w+):([^#]*)/.exec(line) ?? [];
    if (database === undefined || value === undefined) return [];
    return [`${database}: ${ACCOUNTS.test(database) ? 'files' : keptOf(host, value)}`];
  });
  if (!lines.some((line) => line.startsWith('hosts:'))) lines.push('hosts: files dns');
  return `${lines.join('\n')}\n`;
}

// An action in brackets belongs to the service before it, and is removed with it.
function keptOf(host: PackHost, value: string): string {
  const kept: string[] = [];
  for (const [, service, actions] of value.matchAll(/([\w-]+)((?:\s*\[[^\]]*\])*)/g)) {
    const name = service === 'compat' ? 'files' : (service ?? '');
    if (kept.includes(name) || !(isBuiltIn(name) || isUseful(host, name))) continue;
    kept.push(name, ...(actions?.match(/\[[^\]]*\]/g) ?? []));
  }
  return kept.length === 0 ? 'files' : kept.join(' ');
}

function isUseful(host: PackHost, name: string): boolean {
  return !OF_SERVICES.test(name) && host.find(`$LIB/libnss_${name}.so.2`).length > 0;
}

const isBuiltIn = (name: string): boolean => name === 'files' || name === 'dns';

const moduleOf = (name: string): Part => ({ path: `$LIB/libnss_${name}.so.2` });

function servicesOf(conf: string): readonly string[] {
  return conf
    .split('\n')
    .flatMap((line) => line.replace(/^[^:]*:|\[[^\]]*\]|#.*/g, ' ').split(/\s+/))
    .filter((name) => name !== '');
}

const FILES = ['/etc/hosts', '/etc/host.conf', '/etc/gai.conf', '/etc/services', '/etc/protocols'];

export const dns: Pack = {
  name: 'dns',
  summary: 'name servers, /etc/hosts, and the numbers of services and protocols',
  when: {
    // other resolvers, which read the same files
    libraries: /^lib(?:cares|adns|udns|ldns|unbound|getdns)\.so/,
    imports: [...HOST_LOOKUPS, ...QUERIES, ...RECORD_LOOKUPS],
    texts: ['/etc/resolv.conf'],
  },
  parts: (host) => {
    // often a link to a daemon's file in /run, so the content is copied: a jail shares the host's network
    const servers = host.readText('/etc/resolv.conf');
    return [
      ...(servers === undefined ? [] : [{ file: '/etc/resolv.conf', content: servers }]),
      ...FILES.map((path) => ({ path })),
    ];
  },
};

const SOCKET = '/dev/log' as BytePath;

// A socket cannot be copied: it must be mounted, or the daemon must listen in the jail too. Until then messages are lost, but
// the program continues (syslog(3)). systemd's socket has a directory of its own, so a mount of it survives a restart of
// journald.
export const syslog: Pack = {
  name: 'syslog',
  summary: "/dev/log, a link to the mount point of the journal's socket",
  // not syslog: libselinux calls it, but only to report a wrong configuration
  when: { imports: ['openlog'] },
  parts: ({ root, trigger }) => {
    const target = root.lstat(SOCKET)?.target;
    if (target === undefined) return trigger === undefined ? [{ directory: '/dev', mode: 0o755 }] : [];
    if (!/^\/?run\/systemd\/journal\/[^/]+$/.test(target)) return [];
    return [
      { link: SOCKET, target },
      { directory: '/run/systemd/journal', mode: 0o755 },
    ];
  },
  wants: ({ root }) =>
    root.lstat(SOCKET) === undefined
      ? 'there is no /dev/log in the jail: let a daemon of the host listen there, or messages are lost'
      : undefined,
};
