// Where clients of LDAP find their server.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

// ldap.conf(5), as Debian and as others have it
const PLACES = ['/etc/ldap/ldap.conf', '/etc/openldap/ldap.conf'];

export const ldap: Pack = {
  name: 'ldap',
  summary: "the configuration of LDAP's clients",
  when: { imports: ['ldap_initialize'] },
  parts: PLACES.map((path) => ({ path })),
  check: (jail) => lacksAll(jail, ...PLACES),
};
