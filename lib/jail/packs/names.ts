// Name service: nsswitch.conf(5), reduced to what works in a jail, and the modules that it names.

import { findInJail, lacksAll, readInJail } from './check.ts';
import { ACCOUNT_LOOKUPS, HOST_LOOKUPS, RECORD_LOOKUPS } from './lookups.ts';
import type { Pack, PackHost, Part } from './pack.ts';

// The accounts of a jail are those in its own files, whatever the host asks beyond them.
const ACCOUNTS = /^(?:passwd|group|shadow|gshadow|initgroups|subid|sudoers|netgroup)$/;

// These ask a service of the host by a socket, which a jail has not.
const OF_SERVICES =
  /^(?:systemd|resolve|mymachines|sss|ldap|winbind|wins|mdns\w*|nis|nisplus|hesiod|libvirt\w*)$/;

export const names: Pack = {
  name: 'names',
  summary: 'nsswitch.conf, reduced to what works in a jail, with the modules that it names',
  when: { imports: [...HOST_LOOKUPS, ...RECORD_LOOKUPS, ...ACCOUNT_LOOKUPS] },
  parts: (host) => {
    // Since glibc 2.34 files and dns are in libc.so itself, which until then was a link to libc-2.33.so (NEWS of glibc).
    const old = host.find('$LIB/libc-2.*.so').length > 0 ? ['files', 'dns'] : [];
    const conf = isAsked(host) ? reduce(host) : undefined;
    const modules = new Set([...old, ...(conf === undefined ? [] : servicesOf(conf))]);
    return [
      ...(conf === undefined ? [] : [{ file: '/etc/nsswitch.conf', content: conf }]),
      ...[...modules].filter((name) => !isBuiltIn(name) || old.length > 0).map(moduleOf),
    ];
  },
  check: (jail) => {
    const conf = readInJail(jail, '/etc/nsswitch.conf');
    if (conf === undefined) return lacksAll(jail, '/etc/nsswitch.conf', '$LIB/libnss_files.so.2');
    for (const name of servicesOf(conf).filter((service) => !isBuiltIn(service))) {
      const [file] = findInJail(jail, `$LIB/libnss_${name}.so.2`);
      const lack = file === undefined ? `the module ${name} is not there` : jail.lacks(file)[0];
      if (lack !== undefined) return lack;
    }
    return undefined;
  },
};

// Without the file accounts are looked up in files. Not so hosts: until glibc 2.35 dns came first (NEWS of glibc).
function isAsked(host: PackHost): boolean {
  return (
    host.trigger === undefined || host.sign({ imports: [...HOST_LOOKUPS, ...RECORD_LOOKUPS] }) !== undefined
  );
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

// What stands in brackets is about the service before it, and goes with it.
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

function isBuiltIn(name: string): boolean {
  return name === 'files' || name === 'dns';
}

function moduleOf(name: string): Part {
  return { path: `$LIB/libnss_${name}.so.2` };
}

function servicesOf(conf: string): readonly string[] {
  return conf
    .split('\n')
    .flatMap((line) => line.replace(/^[^:]*:|\[[^\]]*\]|#.*/g, ' ').split(/\s+/))
    .filter((name) => name !== '');
}
