// Compares the Debian packages of a jail with Debian's security tracker, by a file: nothing is fetched.

import { readFileSync, statSync } from 'node:fs';

import { type BytePath, pathBytes, showPath } from '../tree/path.ts';
import { JailError, UsageError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import { list, optional, path, text } from '../values/validators.ts';
import { type Bytes, quote } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import { absolute } from './host/given-path.ts';
import type { Contents } from './inventory/inventory.ts';
import { type KnownIssues, knownIssues, releasesIn } from './inventory/known-issues.ts';
import { imageAt, namedContents } from './inventory/named-contents.ts';
import { asObject, type Json } from './manifest/fields.ts';
import { checkRows, type JailWork, WORK } from './request/jail-request.ts';
import { withJailErrors } from './work/jail-error.ts';

export interface AdvisoriesRequest extends JailWork {
  /** The jail; or an image as PATH[:TAG]. */
  readonly directory: Bytes;
  /** The data of Debian's security tracker, as JSON. */
  readonly file: Bytes;
  /** The codename of the release, such as trixie; by default that of the system that the jail was built from. */
  readonly release?: string | undefined;
  /** Ids of issues that are accepted. */
  readonly ignore?: readonly string[] | undefined;
}

export interface AdvisoriesReport extends KnownIssues {
  /** How many other packages there are, such as those of npm: Debian's tracker knows nothing of them. */
  readonly others: number;
}

const word = (example: string) => text('a word', example, /^[\w.-]+$/);
const release = optional(word('trixie'));
const ignore = optional(list(word('CVE-2026-1234'), ['CVE-2026-1234']), []);

/**
 * Finds the issues that are open in the Debian packages of a jail or image. Nothing is executed or fetched. The file is parsed at once, which
 * holds the event loop.
 * @throws as describeJail; UsageError if the file says nothing about the release; JailError ERR_MISSING if the release is not known
 */
export async function findAdvisories(asked: AdvisoriesRequest): Promise<AdvisoriesReport> {
  const request = takeRequest(asked, (own) => {
    checkRows(own, WORK, ['file', 'release', 'ignore']);
    path('/srv/debian.json')(own.file, 'file');
    release(own.release, 'release');
    ignore(own.ignore, 'ignore');
  });
  const { signal, onProgress } = request;
  const directory = absolute(request.directory);
  return withJailErrors(async () => {
    const contents = await namedContents(directory, { signal, onProgress });
    const name = request.release ?? releaseOf(contents, directory);
    const file = absolute(request.file);
    const found = inTracker(file, (tracker) => {
      const releases = releasesIn(tracker);
      if (!releases.includes(name))
        throw new UsageError(`${showPath(file)} says nothing about the release ${quote(name)}`, {
          hint: releases.length === 0 ? NEEDED : `name a release of the file: ${quote(releases.join(', '))}`,
        });
      return knownIssues(contents, tracker, name);
    });
    const accepted = new Set(request.ignore);
    const issues = found.issues.filter(({ id }) => !accepted.has(id));
    return { ...found, issues, others: contents.parts.filter(({ type }) => type !== 'deb').length };
  });
}

function releaseOf({ system }: Contents, directory: BytePath): string {
  if (system?.id === 'debian' && system.codename !== undefined) return system.codename;
  const told = system === undefined ? 'what system' : `which release of Debian (it says ${quote(system.id)})`;
  throw new JailError(`${showPath(directory)} does not say ${told} its packages are of`, {
    code: 'ERR_MISSING',
    hint:
      imageAt(directory) === undefined
        ? `${commandLine('uchroot-jail', 'update', directory)} writes it down, if the host says it; or name it: --release trixie`
        : 'name it: --release trixie',
  });
}

const NEEDED =
  'give it the JSON data of security-tracker.debian.org: curl -o FILE https://security-tracker.debian.org/tracker/data/json';
const MOST_BYTES = 500 << 20; // a string of V8 holds little more

const missing = (file: BytePath): never => {
  throw new JailError(`${showPath(file)}: no such file or directory`, {
    code: 'ENOENT',
    path: showPath(file),
    hint: /\/https?:\//.test(file)
      ? `nothing is fetched: ${commandLine('curl', '-o', 'debian.json', file.replace(/^.*?(https?:)\/+/, '$1//'))}   # then name debian.json`
      : NEEDED,
  });
};

function inTracker<T>(file: BytePath, use: (tracker: Json) => T): T {
  const status = statSync(pathBytes(file), { throwIfNoEntry: false }) ?? missing(file);
  const { size } = status;
  if (status.isDirectory()) throw new UsageError(`${showPath(file)} is a directory`, { hint: NEEDED });
  if (size > MOST_BYTES)
    throw new UsageError(`${showPath(file)} is larger than ${MOST_BYTES >> 20} MB`, { hint: NEEDED });
  try {
    return use(asObject(JSON.parse(readFileSync(pathBytes(file), 'utf8'))));
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${showPath(file)}: ${quote(error.message)}`, { hint: NEEDED, cause: error });
  }
}
