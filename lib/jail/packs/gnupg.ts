// Programs that gpg starts by their path: the agent that holds the keys, and what asks for a passphrase.

import { attempt } from './check.ts';
import { ifAsked } from './compiled.ts';
import type { Pack } from './pack.ts';

export const gnupg: Pack = {
  name: 'gnupg',
  summary: "GnuPG's agent, and what asks for a passphrase",
  when: { executables: /^gpg2?$|^gpgsm$/ },
  parts: (host) => [
    ...ifAsked(host, 'gpg'),
    ...['gpg-agent', 'gpgconf', 'gpg-connect-agent', 'pinentry'].map((program) => ({ program })),
    // libexecdir, as Debian and as others have it
    ...['/usr/lib/gnupg', '/usr/libexec'].flatMap((directory) =>
      ['keyboxd', 'gpg-protect-tool', 'gpg-check-pattern'].map((name) => ({ path: `${directory}/${name}` })),
    ),
  ],
  check: (jail) =>
    attempt(jail, {
      program: /^gpg-agent$/,
      args: ['--version'],
      files: ['/usr/bin/gpg*', '/usr/bin/pinentry', '/usr/lib/gnupg/*', '/usr/libexec/*'],
    }),
};
