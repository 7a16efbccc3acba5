// Rules about programs that do not work, files that are older than on the host, and files that nothing needs any more.

import { fstatSync } from 'node:fs';

import { type BytePath, bytePath, parentPath, pathBytes, showPath } from '../../../tree/path.ts';
import { type DirectoryRoot, O_PATH } from '../../../tree/root.ts';
import { type InRootStatus, native } from '../../../native.ts';
import { commandLine, shellWord, withoutReturns } from '../../../words/shell-word.ts';
import { isOrdinary } from '../../../trust/owner.ts';
import { errorCode, unless } from '../../../words/system-error.ts';
import { openPackages } from '../../dpkg/database.ts';
import type { Host } from '../../host/source-host.ts';
import { hashFile, withRegular } from '../../manifest/file-hash.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { takesBack } from '../../manifest/recipe.ts';
import { leavingOut } from '../../plan/plan-outcome.ts';
import { lacks } from '../../work/missing-file.ts';
import { withOpen } from '../../work/closing.ts';
import { openTurns } from '../../work/steps.ts';
import { errorRule, type Found, inGroup, warningRule } from '../check-rule.ts';
import { isOfSystem, kindOf } from '../checked-entry.ts';
import { type CheckedJail, recordedAt, usePath } from '../checked-jail.ts';
import { decision, hostPath } from '../remedies.ts';
import { belowUsers, NULL_DEVICE } from './manifest-differences.ts';

export const fitness = inGroup('fitness', [
  errorRule('unresolved', {
    summary:
      'A program that was asked for, or that was added by hand, lacks its interpreter, its loader or a library.',
    attack:
      'It does not start. If the loader searches further directories for what is missing, whoever can write to one of them ' +
      'decides what it finds (execve(2), ENOENT; ld.so(8)).',
    remedy: 'uchroot-jail build DIRECTORY PROGRAM',
    *look(jail) {
      const resolver = jail.openResolver();
      for (const path of programsOf(jail)) {
        const lost = resolver.resolve(path).missing.find(({ reason }) => !UNSURE.has(reason));
        // `changed` finds a program that is not the one that was built
        if (lost === undefined || (lost.path === path && recordedAt(jail, path) !== undefined)) continue;
        yield { path, message: lacks(lost).message, remedy: addingOf(jail, path, lost.path) };
      }
    },
  }),
  warningRule('dangling-link', {
    summary: 'A link that was added by hand leads to nothing in the jail.',
    attack:
      'An absolute link is followed from the root directory of the jail, not from that of the host; whoever can make the ' +
      'missing file decides what is found (symlink(7), path_resolution(7)).',
    covers: ['extra'],
    remedy: '# put what it leads to into the jail, or take the link away',
    lookAt: (entry, jail) => {
      const { path, kind, target, recorded } = entry;
      // a link that was built leads nowhere on the host either, or `missing` finds its target
      if (kind !== 'link' || recorded !== undefined || !isOfSystem(entry)) return undefined;
      if (leadsSomewhere(jail.root, path)) return undefined;
      const message = `it leads to ${showPath(target)}, and there is no such thing in the jail`;
      return { message, remedy: decision(`put ${showPath(target)} into the jail, or take the link away`) };
    },
  }),
  errorRule('dev-null', {
    summary: 'There is no /dev/null in the jail, or it is something else.',
    attack:
      'A shell that writes to >/dev/null then makes a file, which grows, and whose content the next program reads (null(4)).',
    remedy: 'mknod -m 0666 JAIL/dev/null c 1 3',
    isQuick: true,
    *look(jail) {
      const present = unless(['ENOENT', 'ENOTDIR'], () =>
        native.inRootLstat(jail.root.fd, pathBytes(NULL_DEVICE)),
      );
      if (present && kindOf(present.mode) === 'character' && present.major === 1 && present.minor === 3)
        return;
      const recorded = recordedAt(jail, NULL_DEVICE);
      // an ordinary user cannot make devices: --dev shows those of the host
      if (present === undefined && recorded === undefined && isOrdinary(jail.owner)) return;
      yield {
        path: NULL_DEVICE,
        message: present === undefined ? 'it is not there' : 'it is not the null device (1:3)',
        remedy: makingOf(jail, present),
        ...(recorded && { fixes: [{ kind: 'restore', recorded }] }),
      };
    },
  }),
]);

// The builder can add nothing but files of the host.
function addingOf({ directory, host, manifest }: CheckedJail, program: BytePath, lost: BytePath): string {
  const isThere = (path: BytePath) => path.startsWith('/') && host?.root.lstat(path) !== undefined;
  // at the path of a program that was added by hand, the host may have another one
  const isAsked = manifest?.recipe.programs.includes(program) === true;
  const built = [...(isAsked ? [program] : []), lost].find(isThere);
  const script = shellWord(bytePath(`${directory}${program}`));
  if (lost.endsWith('\r')) return withoutReturns(script);
  if (/\s/.test(lost) && !lost.includes('/')) return `sed -i '1s/env /env -S /' ${script}`;
  return built === undefined
    ? decision(`put ${showPath(lost)} into the jail, or take ${showPath(program)} away`)
    : commandLine('uchroot-jail', 'build', directory, built);
}

// The program may start all the same: env(1) goes by a variable, and a shell runs files that the kernel does not.
const UNSURE: ReadonlySet<string> = new Set(['unknown-command', 'no-interpreter']);

// Other programs of a package may be incomplete on the host too; the builder warns of those.
function programsOf({ manifest, seen }: CheckedJail): ReadonlySet<BytePath> {
  const added = seen.programs.filter(({ recorded }) => recorded === undefined).map(({ path }) => path);
  // `missing` finds programs that are not there
  const asked = manifest?.recipe.programs.filter((path) => seen.has(path)) ?? [];
  return new Set([...asked, ...added]);
}

// If the way cannot be followed for another reason, the link may lead somewhere.
function leadsSomewhere(root: DirectoryRoot, path: BytePath): boolean {
  try {
    return withOpen(root, path, O_PATH, () => true);
  } catch (error) {
    return !['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '');
  }
}

function makingOf(jail: CheckedJail, present: InRootStatus | undefined): string {
  const at = hostPath(jail, NULL_DEVICE);
  // moved away, not removed: something may have been written to it
  const away = commandLine('mv', '--backup=numbered', '-T', at, `${at}.old`);
  if (isOrdinary(jail.owner))
    return present ? `${away}   # and start with --dev /dev` : decision('start with --dev /dev');
  const make = commandLine('mknod', '-m', '0666', at, 'c', '1', '3');
  return `${present ? away : commandLine('mkdir', '-pm', '0755', parentPath(at))} && ${make}`;
}

const GONE = 'is not installed any more';
const LOST = 'is not on the host any more';
// an update has nothing to copy
function lost({ directory, manifest }: CheckedJail, path: BytePath): Pick<Found, 'remedy'> {
  const isAsked = manifest !== undefined && takesBack(manifest.recipe, path);
  const without = isAsked
    ? `do without it: ${leavingOut(directory, path)}`
    : 'build the jail anew without it';
  return { remedy: decision(`bring it back to the host, or ${without}`) };
}

export const staleness = inGroup('staleness', [
  warningRule('outdated', {
    summary: 'The system that the jail was built from has another version of a package or file by now.',
    attack:
      'A security update of the host does not come into a jail by itself: an old libssl in it stays vulnerable, as to ' +
      'CVE-2014-0160 (Heartbleed).',
    remedy: 'uchroot-jail update DIRECTORY',
    async *lookSlowly(jail) {
      const { manifest } = jail;
      // The host has nothing newer for the files of an image.
      if (manifest === undefined || manifest.recipe.image !== undefined) return;
      if (jail.host === undefined) {
        const from = showPath(manifest.recipe.from ?? bytePath('/'));
        const remedy = decision('bring it back, or build the jail anew from another system');
        yield { message: `${from}, which it was built from, is not there any more`, remedy };
        return;
      }
      const stale = stalePackages(jail.host, manifest.packages);
      const told = new Set<string>();
      const isOfUser = belowUsers(manifest.entries);
      const turns = openTurns();
      for (const recorded of manifest.entries) {
        await turns();
        const name = recorded.package;
        let message: string | undefined;
        if (name === undefined) message = await differs(recorded, jail);
        else if (!told.has(name)) {
          const versions = stale.get(name);
          message = versions === undefined ? undefined : `package ${name} ${versions}`;
          told.add(name);
        }
        if (message === undefined) continue;
        const isLost = message.endsWith(GONE) || message.endsWith(LOST);
        const { path, uid } = recorded;
        const isData = name === undefined && !isLost && (uid !== 0 || isOfUser(path));
        yield { path, message, ...(isLost && lost(jail, path)), ...(isData && asData(jail, path)) };
      }
    },
  }),
]);

// update never replaces data of a user by itself
function asData({ directory }: CheckedJail, path: BytePath): Pick<Found, 'severity' | 'remedy'> {
  const replacing = commandLine('uchroot-jail', 'update', directory, '--replace', path);
  return { severity: 'note', remedy: decision(`nothing, unless the host's is wanted instead: ${replacing}`) };
}

function stalePackages(host: Host, versions: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const names = Object.entries(versions);
  const packages = names.length === 0 ? undefined : openPackages(host.root);
  if (packages === undefined) return new Map();
  return new Map(
    names.flatMap(([name, version]) => {
      const now = packages.find(name)?.version;
      if (now === version) return [];
      return [[name, now === undefined ? `${version} ${GONE}` : `is ${version} here, and ${now} now`]];
    }),
  );
}

// A copy has the modification time of its source. If the times differ, the content decides.
async function differs(
  { kind, path, source, sizeBytes, sha256 }: Recorded,
  { host, root, manifest }: CheckedJail,
): Promise<string | undefined> {
  if (kind !== 'file' || source === undefined || host === undefined || manifest?.recipe.from !== undefined)
    return undefined;
  const isSame = await withRegular(host.root, source, async ({ fd: now }) => {
    // as bigint: a number of milliseconds is rounded
    const { size, mtimeNs } = fstatSync(now, { bigint: true });
    return (
      size === BigInt(sizeBytes ?? -1) &&
      (mtimeNs === usePath(root, path, (fd) => fstatSync(fd, { bigint: true }))?.mtimeNs ||
        (await hashFile(now)) === sha256)
    );
  });
  if (isSame === true) return undefined;
  const what = isSame === undefined ? LOST : 'is another one by now';
  return `${showPath(source)}, of which it is a copy, ${what}`;
}
