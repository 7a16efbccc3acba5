// Kerberos.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const krb5: Pack = {
  name: 'krb5',
  summary: 'the configuration and plugins of Kerberos, where it is set up',
  when: { libraries: /^libkrb5\.so/ },
  // curl has the library as well, and without a realm (krb5.conf(5)) nothing to do for it
  parts: (host) =>
    host.find('/etc/krb5.conf').length === 0
      ? []
      : ['/etc/krb5.conf', '/etc/krb5.conf.d', '/etc/gss/mech.d', '$LIB/gss', '$LIB/krb5/plugins'].map(
          (tree) => ({
            tree,
          }),
        ),
  check: (jail) => lacksAll(jail, '/etc/krb5.conf'),
};
