// The command `uchroot-jail advisories`: open issues of a jail's packages, as text, JSON or SARIF.
import {
  type DescribedRule,
  countFindings,
  statusOf,
  toSeverity,
  type Severity,
} from '../../findings/finding-severity.ts';
import { showReport } from '../../findings/output.ts';
import { type AdvisoriesReport, findAdvisories } from '../../jail/find-advisories.ts';
import { MANIFEST_PATH } from '../../jail/manifest/manifest.ts';
import { absolute } from '../../jail/host/given-path.ts';
import type { Issue } from '../../jail/inventory/known-issues.ts';
import { imageAt } from '../../jail/inventory/named-contents.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import {
  type BytePath,
  bytePath,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
} from '../../tree/path.ts';
import { option } from '../../values/command-option.ts';
import { quote } from '../../words/quote.ts';
import { readVersion } from '../../version.ts';
import { CHECK_FORMATS, toFormat } from '../common-options.ts';
import { type Command, textsOf, valueOf } from '../dispatch.ts';

const UPDATE = 'upgrade the package on the host, then uchroot-jail update';

const RULES = [
  {
    id: 'fixed',
    severity: 'error',
    summary: 'A newer version of the package closes the issue.',
    remedy: UPDATE,
  },
  {
    id: 'open',
    severity: 'warning',
    summary: 'The release has no version yet that closes the issue.',
    remedy: 'see what the tracker says of it; if it does not matter here: --ignore ISSUE',
  },
  {
    id: 'undetermined',
    severity: 'note',
    summary: 'Debian has not determined whether the package is affected.',
    remedy: 'see what the tracker says of it',
  },
  {
    id: 'unknown',
    severity: 'warning',
    summary: 'The source package is not known, and the tracker knows no other name.',
    remedy: 'uchroot-jail update writes it down',
  },
] as const satisfies readonly DescribedRule[];

interface Found {
  readonly rule: (typeof RULES)[number]['id'];
  readonly severity: Severity;
  readonly message: string;
  readonly remedy: string;
}

function findingOf(rule: Found['rule'], message: string, severity?: Severity): Found {
  const known = RULES.find(({ id }) => id === rule) ?? RULES[0];
  return { rule, message, severity: severity ?? known.severity, remedy: known.remedy };
}

function issueWords({
  id,
  source,
  version,
  packages,
  fixedVersion,
  urgency,
  withoutAdvisory,
  description,
}: Issue): string {
  const notes = [
    ...(fixedVersion === undefined ? [] : [`closed by ${quote(fixedVersion)}`]),
    ...(urgency === undefined || urgency === 'not yet assigned' ? [] : [quote(urgency)]),
    ...(withoutAdvisory === undefined ? [] : [`no advisory: ${quote(withoutAdvisory)}`]),
  ];
  const more = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  const about = description === undefined ? '' : `: ${quote(description)}`;
  return `${quote(id)} ${quote(source)} ${quote(version)}, in ${quote(packages.join(', '))}${more}${about}`;
}

const isMinor = ({ urgency }: Issue) => urgency === 'unimportant';

function findingsOf({ issues, unknown }: AdvisoriesReport): readonly Found[] {
  const found = issues.map((issue) =>
    findingOf(issue.state, issueWords(issue), isMinor(issue) ? 'note' : undefined),
  );
  const order = RULES.map(({ id }): string => id);
  return [...found, ...unknown.map((name) => findingOf('unknown', quote(name)))].toSorted(
    (a, b) => order.indexOf(a.rule) - order.indexOf(b.rule),
  );
}

// The file that says which versions there are: the manifest of a jail, or the image itself.
function placeOf(named: BytePath) {
  const image = imageAt(named);
  if (image === undefined) return { base: named, path: MANIFEST_PATH };
  return { base: parentPath(image), path: joinPath('/' as BytePath, lastComponent(image)) };
}

type AdvisoriesCommand = Command<Required<Pick<JailWork, 'signal' | 'onProgress'>>>;

export const advisories: AdvisoriesCommand = {
  synopsis: 'advisories JAIL FILE [OPTION]...',
  summary: "reports open issues of a jail's Debian packages",
  about: `FILE has the JSON data of Debian's security tracker: nothing is fetched. JAIL is a directory, or an image: PATH or PATH:TAG.`,
  options: [
    option('--release NAME', 'the release of Debian, such as trixie; by default that of the jail'),
    option('--ignore ISSUE', 'an issue that is accepted, such as CVE-2026-1234'),
    option(
      '--fail-on error|warning|note',
      'the least severity at which the exit status is not 0 (default: error)',
    ),
    option('--format text|json|sarif', 'how the issues are printed'),
  ],
  statuses:
    '0 none so severe, 1 error: a newer version closes it, 3 warning, 4 note, 2 nothing could be said',
  failureStatus: 2,
  operands: [2, 2],
  run: async (read, { signal, onProgress }, directory, file) => {
    const format = toFormat(valueOf(read, 'format'), CHECK_FORMATS);
    const lowest = toSeverity(valueOf(read, 'fail-on')?.text ?? 'error');
    const release = valueOf(read, 'release')?.text;
    const request = { signal, onProgress, directory, file, ignore: textsOf(read, 'ignore') };
    const report = await findAdvisories({ ...request, ...(release !== undefined && { release }) });
    const findings = findingsOf(report);
    const counts = countFindings(findings);
    const place = placeOf(absolute(directory));
    const text = showReport(format, {
      findings,
      counts,
      textOf: ({ rule, severity, message, remedy }, before) => {
        const isSame = rule === before?.rule && severity === before.severity;
        const summary = RULES.find(({ id }) => id === rule)?.summary ?? '';
        return `${isSame ? '' : `${severity} ${rule}: ${summary} → ${remedy}\n`}  ${message}\n`;
      },
      beforeCounts: `${showPath(bytePath(directory))}, ${quote(report.release)}: `,
      afterCounts:
        report.others === 0 ? '' : `; ${report.others} packages that are not Debian's not compared`,
      document: { ...report, counts },
      sarif: () => ({
        tool: 'uchroot-jail',
        version: readVersion(),
        bases: { JAIL: pathBytes(place.base) },
        rules: RULES.map((rule) => Object.assign({ tags: ['security'] }, rule)),
        results: findings.map((finding) =>
          Object.assign({ path: pathBytes(place.path), base: 'JAIL' }, finding),
        ),
      }),
    });
    return { text, status: statusOf(counts, lowest) };
  },
};
