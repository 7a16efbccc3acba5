// Authentication: PAM's configuration, and the modules that it names.

import type { BytePath } from '../../binary/path.ts';
import { cannotLoad, lacksAll } from './check.ts';
import type { Pack, PackHost } from './pack.ts';

const CONFIGURATION = ['/etc/pam.d', '/usr/lib/pam.d'];

// what modules of its own read
const OTHERS = ['/etc/environment', '/etc/login.defs', '/etc/shells'];

export const pam: Pack = {
  name: 'pam',
  summary: "PAM's configuration and its modules",
  when: { libraries: /^libpam\.so/ },
  parts: (host) => [
    { path: '/etc/pam.conf' },
    ...CONFIGURATION.map((tree) => ({ tree })),
    // old passwords, and a script for namespaces
    { tree: '/etc/security', except: /\/(?:opasswd|namespace\.init)$/ },
    ...OTHERS.map((path) => ({ path })),
    ...modulesOf(host).map((name) => ({ path: name.startsWith('/') ? name : `$LIB/security/${name}` })),
  ],
  check: (jail) =>
    lacksAll(jail, '/etc/pam.d', '/usr/lib/pam.d', '/etc/pam.conf', '/etc/security', ...OTHERS) ??
    cannotLoad(jail, '$LIB/security/*.so'),
};

// pam.conf(5): the third word of a line is the module, and the second may be several in brackets
function modulesOf(host: PackHost): readonly string[] {
  const files = CONFIGURATION.flatMap((directory) =>
    (host.root.list(directory as BytePath) ?? []).map((name) => `${directory}/${name}`),
  );
  const texts = ['/etc/pam.conf', ...files].map((file) => host.readText(file) ?? '');
  return [
    ...new Set(
      texts.flatMap((text) => text.replace(/^\s*#.*$/gm, '').match(/(?<=\s)[\w/.-]+\.so(?=\s|$)/g) ?? []),
    ),
  ];
}
