// Kerberos.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

const CONFIGURATION = '/etc/krb5.conf';
const OTHERS = ['/etc/krb5.conf.d', '/etc/gss/mech.d', '$LIB/gss', '$LIB/krb5/plugins'];

export const krb5: Pack = {
  name: 'krb5',
  summary: 'the configuration and plugins of Kerberos, where it is set up',
  when: { libraries: /^libkrb5\.so/ },
  // curl has the library as well, and without a realm (krb5.conf(5)) nothing to do for it
  parts: (host) => [
    { path: CONFIGURATION },
    ...(host.find(CONFIGURATION).length === 0 ? [] : OTHERS.map((tree) => ({ tree }))),
  ],
  check: (jail) => lacksAll(jail, CONFIGURATION),
};
