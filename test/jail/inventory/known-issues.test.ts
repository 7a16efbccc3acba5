import t from 'tap';

import type { Contents, Part } from '../../../lib/jail/inventory/inventory.ts';
import { knownIssues, releasesIn } from '../../../lib/jail/inventory/known-issues.ts';

const part = (name: string, version: string, source?: string): Part => ({
  type: 'deb',
  name,
  version,
  ...(source !== undefined && { origin: { source, version, architecture: 'amd64' } }),
});
const contents = (...parts: readonly Part[]): Contents => ({
  name: 'jail',
  entries: [],
  parts,
  system: undefined,
  hasDevices: true,
  newestS: 0,
  missing: [],
  unclear: [],
});
const issue = (trixie: object): object => ({
  description: 'words',
  releases: { trixie, sid: { status: 'open' } },
});

t.test('an issue is open unless the version of the source closes it', async (t) => {
  const states = (version: string, trixie: object) =>
    knownIssues(
      contents(part('libssl3', version, 'openssl')),
      { openssl: { 'CVE-1': issue(trixie) } },
      'trixie',
    ).issues.map(({ state, fixedVersion }) => [state, fixedVersion]);
  const resolved = { status: 'resolved', fixed_version: '3.5.1-1+deb13u1' };
  t.same(states('3.5.1-1', resolved), [['fixed', '3.5.1-1+deb13u1']]);
  t.same(states('3.5.1-1+deb13u1', resolved), []);
  t.same(states('1:1.0', resolved), []);
  t.same(states('3.5', { status: 'resolved', fixed_version: '0' }), []);
  t.same(states('3.5', { status: 'open' }), [['open', undefined]]);
  t.same(states('3.5', { status: 'undetermined' }), [['undetermined', undefined]]);
});

t.test('issues are told by source, with all packages of it', async (t) => {
  const found = knownIssues(
    contents(
      part('openssl', '3.5', 'openssl'),
      part('libssl3', '3.5', 'openssl'),
      part('bash', '5', 'bash'),
      part('old', '1'),
      { type: 'npm', name: 'openssl', version: '1.0.0' },
      part('constructor', '1', 'constructor'),
    ),
    {
      openssl: {
        'CVE-2': issue({ status: 'open', urgency: 'low', nodsa: 'Minor issue' }),
        'CVE-1': issue({ status: 'open' }),
        'CVE-3': { releases: { bookworm: { status: 'open' } } },
        'CVE-4': {},
      },
      old: { 'CVE-5': issue({ status: 'open' }) },
    },
    'trixie',
  );
  const built = {
    source: 'openssl',
    version: '3.5',
    packages: ['openssl', 'libssl3'],
    state: 'open',
    description: 'words',
  };
  t.same(found, {
    release: 'trixie',
    issues: [
      { id: 'CVE-1', ...built },
      { id: 'CVE-2', ...built, urgency: 'low', withoutAdvisory: 'Minor issue' },
    ],
    unknown: ['old'],
  });
  t.same(releasesIn({ a: { 'CVE-1': issue({}) }, b: {} }), ['sid', 'trixie']);
});

t.test('other data are refused', async (t) => {
  const parts = contents(part('a', '1', 'a'));
  for (const tracker of [
    { a: [] },
    { a: { 'CVE-1': 'x' } },
    { a: { 'CVE-1': { releases: [] } } },
    { a: { 'CVE-1': issue({ status: 'closed' }) } },
    { a: { 'CVE-1': issue({ status: 'resolved' }) } },
    { a: { 'CVE-1': issue({ status: { toString: 1 } }) } },
  ])
    t.throws(() => knownIssues(parts, tracker, 'trixie'), TypeError, JSON.stringify(tracker));
});
