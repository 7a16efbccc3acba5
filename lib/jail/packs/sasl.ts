// Mechanisms of authentication for servers, and for LDAP.

import { cannotLoad, lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const sasl: Pack = {
  name: 'sasl',
  summary: 'plugins of SASL',
  // Not sasl_client_new: libldap calls it whether or not the program that it is in, such as curl, ever wants it.
  when: {
    imports: [
      'sasl_server_init',
      'sasl_server_new',
      'ldap_sasl_interactive_bind',
      'ldap_sasl_interactive_bind_s',
    ],
  },
  parts: [
    // passwords in a database that not everybody may read
    { tree: '$LIB/sasl2', except: /\/libsasldb\.[^/]*$/ },
    { tree: '/etc/sasl2' },
  ],
  check: (jail) => lacksAll(jail, '$LIB/sasl2', '/etc/sasl2') ?? cannotLoad(jail, '$LIB/sasl2/*.so'),
};
