// Resolving host names, and the numbers of services and protocols.

import { lacksAll } from './check.ts';
import { HOST_LOOKUPS, QUERIES, RECORD_LOOKUPS } from './lookups.ts';
import type { Pack } from './pack.ts';

const FILES = ['/etc/hosts', '/etc/host.conf', '/etc/gai.conf', '/etc/services', '/etc/protocols'];

export const dns: Pack = {
  name: 'dns',
  summary: 'name servers, /etc/hosts, and the numbers of services and protocols',
  when: {
    // resolvers of their own, which read the same files
    libraries: /^lib(?:cares|adns|udns|ldns|unbound|getdns)\.so/,
    imports: [...HOST_LOOKUPS, ...QUERIES, ...RECORD_LOOKUPS],
    texts: ['/etc/resolv.conf'],
  },
  parts: (host) => {
    // often a link to what a daemon keeps in /run: the content is what is wanted, and a jail shares the host's network
    const servers = host.readText('/etc/resolv.conf');
    return [
      ...(servers === undefined ? [] : [{ file: '/etc/resolv.conf', content: servers }]),
      ...FILES.map((path) => ({ path })),
    ];
  },
  check: (jail) => lacksAll(jail, '/etc/resolv.conf', ...FILES),
};
