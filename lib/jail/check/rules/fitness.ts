// Rules about what does not work: programs that cannot start, links that lead nowhere, a wrong /dev/null.

import { closeSync, constants } from 'node:fs';

import { type BytePath, bytePath, pathBytes, showPath } from '../../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../../binary/root.ts';
import { type InRootStatus, native } from '../../../native.ts';
import { lacks } from '../../verify.ts';
import { type Found, inGroup } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { isOfSystem } from '../checked-entry.ts';
import { commandLine, decision, hostPath } from '../remedies.ts';
import { NULL_DEVICE } from './changed-files.ts';

export const fitness = inGroup('fitness', [
  {
    id: 'unresolved',
    severity: 'error',
    summary:
      'A program that was asked for, or that was added by hand, lacks its interpreter, its loader or a library.',
    attack:
      'It does not start. If the loader searches further directories for what is missing, whoever can write to one of them ' +
      'decides what it finds (execve(2), ENOENT; ld.so(8)).',
    remedy: 'uchroot-jail build DIRECTORY PROGRAM',
    look: function* look(jail): Generator<Found> {
      const resolver = jail.openResolver();
      for (const path of programsOf(jail)) {
        const lost = resolver.resolve(path).missing.find(({ reason }) => !UNSURE.has(reason));
        // if the program itself is another one than was built, `changed` finds it
        if (lost === undefined || (lost.path === path && isBuilt(jail, path))) continue;
        yield { path, message: lacks(lost).message, remedy: addingOf(jail, path, lost.path) };
      }
    },
  },
  {
    id: 'dangling-link',
    severity: 'warning',
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
      return {
        path,
        message: `it leads to ${showPath(target)}, and there is no such thing in the jail`,
        remedy: decision(`put ${showPath(target)} into the jail, or take the link away`),
      };
    },
  },
  {
    id: 'dev-null',
    severity: 'error',
    summary: 'There is no /dev/null in the jail, or it is something else.',
    attack:
      'A shell that writes to >/dev/null then makes a file, which grows, and whose content the next program reads (null(4)).',
    remedy: 'mknod -m 0666 JAIL/dev/null c 1 3',
    isQuick: true,
    look: (jail) => {
      const present = nullDeviceIn(jail);
      if (present !== undefined && isNullDevice(present)) return [];
      const recorded = jail.manifest?.entries.find(({ path }) => path === NULL_DEVICE);
      return [
        {
          path: NULL_DEVICE,
          message: present === undefined ? 'it is not there' : 'it is not the null device (1:3)',
          remedy: makingOf(jail, present),
          ...(recorded !== undefined && { fixes: [{ kind: 'restore', recorded }] }),
        },
      ];
    },
  },
]);

// Only something that the host has can be built in.
function addingOf({ directory, host, manifest }: CheckedJail, program: BytePath, lost: BytePath): string {
  const isThere = (path: BytePath) => path.startsWith('/') && host?.root.lstat(path) !== undefined;
  // at the path of a program that was added by hand, the host may have another one
  const isAsked = manifest?.recipe.programs.includes(program) === true;
  const built = [...(isAsked ? [program] : []), lost].find(isThere);
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

function isBuilt({ manifest }: CheckedJail, path: BytePath): boolean {
  return manifest?.entries.some((entry) => entry.path === path) === true;
}

const O_PATH = 0o10000000; // asm-generic/fcntl.h; not among Node's constants

function leadsSomewhere({ fd }: DirectoryRoot, path: BytePath): boolean {
  try {
    closeSync(native.inRootOpen(fd, pathBytes(path), O_PATH));
    return true;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '');
  }
}

function isNullDevice({ mode, major, minor }: InRootStatus): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFCHR && major === 1 && minor === 3;
}

function nullDeviceIn({ root }: CheckedJail): InRootStatus | undefined {
  try {
    return native.inRootLstat(root.fd, pathBytes(NULL_DEVICE));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

const DEV = bytePath('/dev');

function makingOf(jail: CheckedJail, present: InRootStatus | undefined): string {
  const at = hostPath(jail, NULL_DEVICE);
  const make = commandLine('mknod', '-m', '0666', at, 'c', '1', '3');
  const directory = jail.root.lstat(DEV);
  if (directory === undefined) return `${commandLine('mkdir', '-m', '0755', hostPath(jail, DEV))} && ${make}`;
  if (directory.kind !== 'directory')
    return decision(`make ${showPath(hostPath(jail, DEV))} a directory, and then: ${make}`);
  // moved away, not removed: something may have been written to it
  return present === undefined
    ? make
    : `${commandLine('mv', '-nT', at, hostPath(jail, freeName(jail)))} && ${make}`;
}

function freeName({ root }: CheckedJail): BytePath {
  for (let number = 1; ; number++) {
    const path = bytePath(`/dev/null.${number}`);
    if (root.lstat(path) === undefined) return path;
  }
}
