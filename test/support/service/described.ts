// Services as systemd describes them, and adoptions of them, for tests.
import { type Adoption, checksOf, ownLines, variablesOf } from '../../../lib/service/adopt/adoption.ts';
import { chooseIdentity } from '../../../lib/service/adopt/identity.ts';
import { chooseEntry } from '../../../lib/service/adopt/identity.ts';
import {
  type InstalledService,
  toInstalled,
} from '../../../lib/service/adopt/installed/installed-service.ts';

type Line = readonly [program: string, argv: readonly string[], flags: readonly string[]];

/** A command line as it comes from the bus. */
export const line = (words: string, ...flags: string[]): Line => {
  const argv = words.split(' ');
  return [argv[0] ?? '', argv, flags];
};

/** A service with these settings, as they come from the bus. */
export function installed(
  settings: Record<string, unknown>,
  about: Record<string, unknown> = {},
): InstalledService {
  const usual = {
    Id: 'web.service',
    LoadState: 'loaded',
    ActiveState: 'active',
    CapabilityBoundingSet: 2 ** 41 - 1,
    UMask: 0o22,
    Type: 'simple',
    ...settings,
  };
  return toInstalled({ ...usual, ...about });
}

/** The adoption of a service, as it is before anything has been built. */
export function adopted(service: InstalledService, more: Partial<Adoption> = {}): Adoption {
  const identity = chooseIdentity(service);
  const variables = variablesOf(service, []);
  const own = ownLines(service, variables);
  return {
    service,
    identity,
    ...chooseEntry(service, identity),
    account: undefined,
    directory: '/var/lib/uchroot/services/web.service/1',
    paths: [],
    own,
    checks: checksOf(own),
    variables,
    jailFacts: { compilesCode: false, usesSyslog: false },
    connectTo: [],
    forgeable: [],
    forgeableLogs: [],
    coarse: [],
    ...more,
  };
}

/** A service that has nothing but its line. */
export const daemon = { ExecStartEx: [line('/usr/bin/web -c /etc/web.conf')] };
