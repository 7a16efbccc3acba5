import t from 'tap';

import { checkSarif } from '../../lib/bin/jail/jail-check-report.ts';
import { toSarif } from '../../lib/findings/sarif.ts';
import type { Finding } from '../../lib/jail/check/check-rule.ts';
import { rules } from '../../lib/jail/check/rules.ts';
import { faultsOfSarif } from '../support/sarif.ts';

const findings: readonly Finding[] = [
  {
    rule: 'set-user-id',
    severity: 'error',
    path: '/usr/bin/a b',
    message: 'it is',
    remedy: 'chmod u-s x',
    fixed: true,
  },
  {
    rule: 'extra',
    severity: 'warning',
    path: '/tmp/\n\udcff%é',
    message: 'it is',
    remedy: 'ls',
    fixed: false,
  },
  { rule: 'path-owner', severity: 'error', path: '/srv', message: 'it is', remedy: 'chown' },
  { rule: 'path-owner', severity: 'error', path: '/', message: 'it is', remedy: 'chown' },
  { rule: 'mount-nosuid', severity: 'note', path: '/etc/passwd', message: 'it is', remedy: 'mount' },
];

const log = JSON.parse(
  JSON.stringify(toSarif(checkSarif(findings, Buffer.from('/srv/ja il'), '1.2.3'))),
) as Log;

interface Log {
  $schema: string;
  version: string;
  runs: {
    tool: { driver: { name: string; semanticVersion: string; rules: Descriptor[] } };
    originalUriBaseIds: Record<string, { uri: string }>;
    columnKind: string;
    results: Result[];
  }[];
}
interface Descriptor {
  id: string;
  shortDescription: { text: string };
  fullDescription: { text: string };
  help: { text: string };
  defaultConfiguration: { level: string };
}
interface Result {
  ruleId: string;
  ruleIndex: number;
  level: string;
  message: { text: string };
  locations: { physicalLocation: { artifactLocation: { uri: string; uriBaseId: string } } }[];
  suppressions?: { kind: string; status: string }[];
}

t.test('a log is what the schema asks for', async (t) => {
  t.same(faultsOfSarif(log), []);
});

t.test('the schema is looked at', async (t) => {
  const broken = structuredClone(log);
  const [first] = broken.runs[0]?.results ?? [];
  Object.assign(first ?? {}, { level: 'fatal', severity: 'error' });
  t.equal(faultsOfSarif(broken).length, 2);
  t.not(faultsOfSarif({ ...log, version: '2.0.0' }).length, 0);
  t.not(faultsOfSarif({ version: '2.1.0' }).length, 0);
});

t.test('a log has the version, and one run with a tool', async (t) => {
  t.equal(log.version, '2.1.0');
  t.match(log.$schema, /^https:\/\/.*sarif-schema-2\.1\.0\.json$/);
  t.equal(log.runs.length, 1);
  const [run] = log.runs;
  if (run === undefined) return;
  t.match(run.tool.driver.semanticVersion, /^\d+\.\d+\.\d+/);
  t.ok(['utf16CodeUnits', 'unicodeCodePoints'].includes(run.columnKind));
  for (const { uri } of Object.values(run.originalUriBaseIds)) {
    t.match(uri, /\/$/, 'a base ends in a slash (3.14.14)');
    t.equal(new URL(uri).protocol, 'file:');
  }
  t.equal(run.originalUriBaseIds['JAIL']?.uri, 'file:///srv/ja%20il/');
});

t.test('each rule is described once', async (t) => {
  const descriptors = log.runs[0]?.tool.driver.rules ?? [];
  t.equal(new Set(descriptors.map(({ id }) => id)).size, rules.length);
  for (const descriptor of descriptors) {
    for (const { text } of [descriptor.shortDescription, descriptor.fullDescription, descriptor.help])
      t.not(text, '');
  }
});

t.test('each result points to its rule and to a place', async (t) => {
  const [run] = log.runs;
  t.equal(run?.results.length, findings.length);
  for (const result of run?.results ?? []) {
    t.not(result.message.text, '');
    t.equal(run?.tool.driver.rules[result.ruleIndex]?.id, result.ruleId);
    for (const { physicalLocation } of result.locations) {
      const { uri, uriBaseId } = physicalLocation.artifactLocation;
      t.ok(run !== undefined && uriBaseId in run.originalUriBaseIds);
      t.notMatch(uri, /^\/|[^A-Za-z0-9._~/%-]|%(?![0-9A-F]{2})/, 'a relative reference (RFC 3986)');
    }
  }
  const places = run?.results.map(({ locations }) => locations[0]?.physicalLocation.artifactLocation);
  t.same(places, [
    { uri: 'usr/bin/a%20b', uriBaseId: 'JAIL' },
    { uri: 'tmp/%0A%FF%25%C3%A9', uriBaseId: 'JAIL' },
    { uri: 'srv', uriBaseId: 'HOST' },
    { uri: '.', uriBaseId: 'JAIL' },
    { uri: 'etc/passwd', uriBaseId: 'JAIL' },
  ]);
});

t.test('fixed findings are suppressed, and no others', async (t) => {
  const results = log.runs[0]?.results ?? [];
  t.same(
    results.map(({ suppressions }) => suppressions?.length ?? 0),
    [1, 0, 0, 0, 0],
  );
});

t.test('a rule with details and a finding with a line have them in the log', async (t) => {
  const rule = { id: 'r', severity: 'error', summary: 'S.', remedy: 'R', tags: [] } as const;
  const result = {
    rule: 'r',
    severity: 'error',
    message: 'M',
    remedy: 'R',
    path: Buffer.from('/f'),
    base: 'B',
  };
  const toLog = (one: object, other: object): unknown =>
    toSarif({
      tool: 'x',
      version: '1.2.3',
      bases: {},
      rules: [{ ...rule, ...one }],
      results: [{ ...result, ...other }],
    } as never);
  const described = (fullDescription: string, help: string) => ({
    runs: [
      { tool: { driver: { rules: [{ fullDescription: { text: fullDescription }, help: { text: help } }] } } },
    ],
  });
  t.match(toLog({}, {}), described('S.', 'S.\n\nRemedy: R'));
  t.match(toLog({ detail: 'D.' }, {}), described('S. D.', 'D.\n\nRemedy: R'));
  const placed = (region: object | undefined) => ({
    runs: [{ results: [{ locations: [{ physicalLocation: { region } }] }] }],
  });
  t.match(toLog({}, { line: 3, column: 7 }), placed({ startLine: 3, startColumn: 7 }));
  t.match(toLog({}, {}), placed(undefined));
});
