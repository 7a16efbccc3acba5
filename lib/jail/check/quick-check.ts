// The check before a launch: the way to the jail, the files that steer its programs, and the program that is to start, with its
// interpreters and libraries, by their whole content.

import { type BytePath, bytePath, joinPath, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { native } from '../../native.ts';
import { caller, seenBy } from '../../trust/owner.ts';
import { lookOr } from '../../words/system-error.ts';
import { hashBytes, withRegular } from '../manifest/file-hash.ts';
import type { Recorded } from '../manifest/manifest.ts';
import type { JailUser } from '../packs/pack.ts';
import { closing } from '../work/closing.ts';
import { toJailError } from '../work/jail-error.ts';
import { openMeeting, Report } from './check-report.ts';
import type { Finding } from './check-rule.ts';
import { type Entry, kindOf, openZones } from './checked-entry.ts';
import { type CheckedJail, openChecked, usePath } from './checked-jail.ts';
import { complete } from './remedies.ts';
import { rules } from './rules.ts';

// Directories in which programs and libraries are found by their names.
const PLACES = pathsOf(
  '/usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/local/bin /usr/local/sbin /usr/local/lib',
);
// Directories whose entries steer programs.
const LISTED = pathsOf('/ /dev /etc /etc/ld.so.conf.d /etc/pam.d /etc/profile.d /root');

function pathsOf(paths: string): readonly BytePath[] {
  return paths.split(' ').map((path) => bytePath(path));
}

// Entries of a directory; a hostile one may have millions.
const MOST = 1000;

/**
 * The errors that can be found without a walk, sorted. `program` is an absolute path of the jail, `users` are the accounts that
 * are to be jailed, `unwanted` holds ids of rules.
 * @throws JailError, also for system errors
 */
export function checkQuickly(
  directory: BytePath,
  program: BytePath,
  users: readonly JailUser[],
  unwanted: ReadonlySet<string>,
): readonly Finding[] {
  try {
    return closing(openChecked(directory, users), (jail) => findingsOf(jail, program, unwanted));
  } catch (error) {
    throw toJailError(error);
  }
}

function findingsOf(jail: CheckedJail, program: BytePath, unwanted: ReadonlySet<string>): readonly Finding[] {
  const wanted = rules.filter(({ id, severity }) => severity === 'error' && !unwanted.has(id));
  const report = new Report(wanted, () => false);
  const meet = openMeeting(wanted, jail, report);
  for (const entry of entriesOf(jail, program)) {
    jail.seen.note(entry);
    meet(entry);
  }
  for (const rule of wanted.filter(({ isQuick }) => isQuick === true))
    for (const found of rule.look?.(jail) ?? []) report.add(rule, complete(rule, found, jail));
  return report.all().flatMap(({ finding }) => (finding.severity === 'error' ? [finding] : []));
}

/** The entries in the order of a walk: a directory before what lies in it. */
function* entriesOf(jail: CheckedJail, program: BytePath): Generator<Entry> {
  const { root, manifest, mountPoints } = jail;
  const started = filesOf(jail, program);
  const paths = [...PLACES, ...LISTED, ...LISTED.flatMap((path) => listed(root, path)), ...started];
  const recorded = new Map(manifest?.entries.map((entry) => [entry.path, entry]));
  const zoneOf = openZones(manifest !== undefined);
  for (const path of inOrder(paths)) {
    const above = wayTo(path).slice(0, -1);
    if (above.some((directory) => mountPoints.has(directory))) continue;
    const entry = entryAt(root, path, recorded.get(path), started.has(path));
    if (entry === undefined) continue;
    const placed = { ...entry, isMounted: mountPoints.has(path) };
    yield Object.assign(placed, { zone: zoneOf(placed) });
  }
}

/** The files and links that are used when the program starts. The launch itself reports missing ones. */
function filesOf(jail: CheckedJail, program: BytePath): ReadonlySet<BytePath> {
  const { files } = jail.openResolver().resolve(program);
  const ways = files.map(({ path }) => walk(jail.root, path));
  return new Set(ways.flatMap(({ links, path }) => links.map((link) => link.path).concat(path)));
}

function listed(root: FileRoot, directory: BytePath): readonly BytePath[] {
  const names = lookOr(undefined, () => root.list(directory)) ?? [];
  return names.slice(0, MOST).map((name) => joinPath(directory, name));
}

/** The root directory, the directories on the way, and the path itself. */
function wayTo(path: BytePath): readonly BytePath[] {
  return path === '/' ? [path] : [...wayTo(parentPath(path)), path];
}

function inOrder(paths: readonly BytePath[]): readonly BytePath[] {
  const all = [...new Set(paths.flatMap(wayTo))];
  // a slash sorts before every character of a name, so that a directory is followed by its entries
  const keyOf = new Map(all.map((path) => [path, path.replaceAll('/', '\0')]));
  return all.toSorted((a, b) => ((keyOf.get(a) ?? '') < (keyOf.get(b) ?? '') ? -1 : 1));
}

function entryAt(
  root: CheckedJail['root'],
  path: BytePath,
  recorded: Recorded | undefined,
  isStarted: boolean,
): Omit<Entry, 'isMounted' | 'zone'> | undefined {
  return usePath(root, path, (fd) => {
    const { mode, ino, size, target, major = 0, minor = 0, ...status } = native.inRootFstat(fd);
    const content = isStarted ? contentAt(root, path) : undefined;
    const hasAcl = native.hasAttribute(fd, 'system.posix_acl_access');
    return {
      ...status,
      ...seenBy(caller(), { ...status, mode: hasAcl ? 0 : mode }),
      path,
      kind: kindOf(mode),
      mode: mode & 0o7777,
      inode: ino,
      sizeBytes: size,
      major,
      minor,
      target: bytePath(target ?? ''),
      hasCapabilities: native.hasAttribute(fd, 'security.capability'),
      hasAcl,
      // only a walk finds these
      hasLooseDefault: false,
      isKey: false,
      isElf: content?.subarray(0, 4).toString('latin1') === '\x7fELF',
      isScript: content?.subarray(0, 2).toString('latin1') === '#!',
      error: 0,
      depth: path === '/' ? 0 : path.split('/').length - 1,
      recorded,
      // a file that is not going to be used is not read, and counts as unchanged
      sha256: content === undefined ? recorded?.sha256 : hashBytes(content),
    };
  });
}

function contentAt(root: FileRoot, path: BytePath): Buffer | undefined {
  return withRegular(root, path, ({ read, status }) =>
    Buffer.from(read(0, Math.min(status.sizeBytes, MAX_BYTES))),
  );
}

const MAX_BYTES = 1 << 30;
