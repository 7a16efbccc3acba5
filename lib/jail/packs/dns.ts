// Resolving host names, and the numbers of services and protocols.

import { findInJail, lacksAll } from './check.ts';
import { HOST_LOOKUPS, QUERIES, RECORD_LOOKUPS } from './lookups.ts';
import type { Pack } from './pack.ts';

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
      ...['hosts', 'host.conf', 'gai.conf', 'services', 'protocols'].map((name) => ({
        path: `/etc/${name}`,
      })),
    ];
  },
  check: (jail) =>
    findInJail(jail, '/etc/resolv.conf').length > 0
      ? undefined
      : lacksAll(jail, '/etc/resolv.conf', '/etc/hosts'),
};
