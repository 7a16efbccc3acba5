// Which Debian packages of a jail have open issues, by the data of Debian's security tracker (security-tracker.debian.org, "data/json"). Pure.

import { remember } from '../../values/remember.ts';
import { compareVersions } from '../dpkg/deb-version.ts';
import { asObject, type Json } from '../manifest/fields.ts';
import { isDebian } from '../manifest/origin.ts';
import type { Contents } from './inventory.ts';

export interface Issue {
  /** Such as CVE-2026-1234. */
  readonly id: string;
  /** The source package, its version, and its packages in the jail. */
  readonly source: string;
  readonly version: string;
  readonly packages: readonly string[];
  /** `fixed`: by a newer version; `open`: the release has no such version yet; `undetermined`: nobody has found out whether it is affected. */
  readonly state: 'fixed' | 'open' | 'undetermined';
  /** The version that closes it. */
  readonly fixedVersion?: string;
  /** In the words of the tracker: `unimportant`, `low`, `medium`, `high`, `end-of-life`, `not yet assigned`. */
  readonly urgency?: string;
  /** Why Debian publishes no advisory for it. */
  readonly withoutAdvisory?: string;
  readonly description?: string;
}

export interface KnownIssues {
  readonly release: string;
  /** By source package and id. */
  readonly issues: readonly Issue[];
  /** Debian packages whose source package or version is not known. */
  readonly unknown: readonly string[];
}

/** The releases that the data are about: at most the first hundred. */
export function releasesIn(tracker: Json): readonly string[] {
  const found = new Set<string>();
  for (const issues of Object.values(tracker))
    for (const issue of Object.values(asObject(issues)))
      for (const release of Object.keys(releasesOf(issue))) if (found.size < 100) found.add(release);
  return [...found].toSorted();
}

const releasesOf = (issue: unknown): Json => asObject(asObject(issue)['releases'] ?? {}, 'releases');

/** @throws TypeError if the data are not those of the tracker */
export function knownIssues({ parts }: Contents, tracker: Json, release: string): KnownIssues {
  const sources = new Map<string, { source: string; version: string; packages: string[] }>();
  const unknown: string[] = [];
  for (const { type, name, origin } of parts) {
    if (type !== 'deb') continue;
    if (origin === undefined || !isDebian(origin.source, origin.version)) {
      unknown.push(name);
      continue;
    }
    const { source, version } = origin;
    remember(sources, `${source} ${version}`, () => ({ source, version, packages: [] })).packages.push(name);
  }
  const issues = [...sources.values()]
    .toSorted((a, b) => (a.source < b.source ? -1 : Number(a.source > b.source)))
    .flatMap((built) => {
      const known = Object.hasOwn(tracker, built.source) ? asObject(tracker[built.source], built.source) : {};
      return Object.keys(known)
        .toSorted()
        .flatMap((id) => toIssue(id, asObject(known[id], id), built, release) ?? []);
    });
  return { release, issues, unknown };
}

type Built = Pick<Issue, 'source' | 'version' | 'packages'>;

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

function toIssue(id: string, json: Json, built: Built, release: string): Issue | undefined {
  const releases = releasesOf(json);
  if (!Object.hasOwn(releases, release)) return undefined;
  const { status, fixed_version: fixed, urgency, nodsa } = asObject(releases[release], release);
  const state = stateOf(text(status), text(fixed), built.version);
  if (state === undefined) return undefined;
  const told = { fixedVersion: state === 'fixed' ? text(fixed) : undefined, urgency: text(urgency) };
  const more = { withoutAdvisory: text(nodsa), description: text(json['description']) };
  const given = Object.entries({ ...told, ...more }).filter(([, value]) => value !== undefined);
  return { id, ...built, state, ...(Object.fromEntries(given) as object) };
}

// The version 0 says that the release was never affected.
function stateOf(
  status: string | undefined,
  fixed: string | undefined,
  version: string,
): Issue['state'] | undefined {
  if (status === 'open' || status === 'undetermined') return status;
  if (status !== 'resolved') throw new TypeError('an issue is neither open nor resolved nor undetermined');
  if (fixed === undefined) throw new TypeError('an issue is resolved without fixed_version');
  return compareVersions(version, fixed) < 0 ? 'fixed' : undefined;
}
