// What a program was denied, in words, and what would grant it: only options of which this is a fact.
import { statSync, type Stats } from 'node:fs';
import { posix } from 'node:path';

import type { Denied } from '../../errors.ts';
import { bytePath, isWithin, pathBytes, showPath, type BytePath } from '../../tree/path.ts';
import { errnoName } from '../../words/errno.ts';
import { commandLine, shellWord } from '../../words/shell-word.ts';
import { openFileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { lookOr } from '../../words/system-error.ts';
import { makingPlace } from './bind-hint.ts';
import { hostDanger } from '../host/host-danger.ts';
import { callName } from '../seccomp/path-calls.ts';

/** A record of the reporting process. */
export interface Denial {
  /** `end` comes last; its count is of the denials for which the report had no room. */
  readonly kind: 'call' | 'missing' | 'path' | 'files' | 'end';
  readonly errno: number;
  /** Bits of access(2). */
  readonly needs: number;
  readonly architecture: number;
  readonly number: number;
  readonly count: number;
  readonly path: Buffer;
}

/** The launch that is reported. */
export interface Reported {
  readonly jail: string;
  readonly user: string;
  readonly uid: number;
  readonly groups: readonly number[];
  /** It has a capability that overrides the mode of files. */
  readonly hasRights: boolean;
  /** Sources and targets of its read-only binds. */
  readonly binds: readonly (readonly [source: string, target: string])[];
  /** Directories in which the launch makes the places of its mounts. */
  readonly made: readonly string[];
}

const verbs: readonly string[] = [
  '',
  'execute',
  'write',
  'write',
  'read',
  'read',
  'read and write',
  'read and write',
];
const [EROFS, ENOTDIR] = [30, 20];

function ofCall({ architecture, number, errno, count }: Denial): Denied {
  const call = callName(architecture, number);
  return {
    call,
    reason: `the filter refuses it (${errnoName(errno)})`,
    count,
    ...(call.includes(' ') ? {} : { option: `--allow ${call}` }),
  };
}

// In the namespaces of an isolated launch.
const ownPlaces: readonly (readonly [RegExp, string])[] = [
  [/^\/proc\//, '--proc /proc'],
  [/^\/dev\/(?:null|zero|full|u?random|ptmx|pts|shm)(?:\/|$)/, '--dev /dev'],
];

// linux/stat.h
const [typeBits, regular, directory, socket] = [0o170000, 0o100000, 0o040000, 0o140000];

// Undefined if the host does not have it: the reporting process, with the rights of the program, may not have seen that.
const onHost = (path: BytePath): Stats | undefined => lookOr(undefined, () => statSync(pathBytes(path)));

// Whether its mode gives the program any right: a key or a hash of a password is of no use to it.
function isOpenTo({ mode, uid, gid }: Stats, user: Reported): boolean {
  const shift = uid === user.uid ? 6 : user.groups.includes(gid) ? 3 : 0;
  return user.hasRights || ((mode >> shift) & 0o7) !== 0;
}

function ofMissing({ errno, count }: Denial, path: BytePath, launch: Reported): readonly Denied[] {
  const own = ownPlaces.find(([pattern]) => pattern.test(path))?.[1];
  if (own !== undefined)
    return [{ path: own.replace(/^.* /, ''), count, reason: 'the jail has none', option: own }];
  const there = onHost(path);
  if (there === undefined) return [];
  const about = { path: showPath(path), count };
  const danger = hostDanger(path, true);
  if (danger !== undefined)
    return [{ ...about, reason: `it is not in the jail, and must not come there: it ${danger.how}` }];
  if (errno === ENOTDIR) return [{ ...about, reason: 'a component of the path is no directory in the jail' }];
  const reason = 'it is not in the jail';
  if (!isOpenTo(there, launch))
    return [{ ...about, reason: `${reason}, and ${launch.user} may not use it on the host` }];
  const mode = there.mode & typeBits;
  // the options have a colon between two paths; a bind brings no device, and a copy no socket
  if (path.includes(':'))
    return [{ ...about, reason: `${reason}, and no option can name a path with a colon` }];
  if (mode !== regular && mode !== directory && mode !== socket) return [{ ...about, reason }];
  const copy =
    mode === socket ? {} : { build: commandLine('uchroot-jail', 'build', launch.jail, '--copy', path) };
  const place = placeFor(path, mode === directory, launch);
  return [{ ...about, reason, option: `--ro-bind ${shellWord(path)}`, ...copy, ...(place && { place }) }];
}

// Undefined if the launch makes it, or if the jail has one by now.
function placeFor(path: BytePath, isDirectory: boolean, { jail, made }: Reported): string | undefined {
  if (made.some((one) => isWithin(path, one))) return undefined;
  return lookOr(undefined, () => {
    const root = openFileRoot(jail);
    try {
      return walk(root, path).kind === 'found' ? undefined : makingPlace({ jail, root }, path, isDirectory);
    } finally {
      root.close();
    }
  });
}

// A program that opens it with O_CREAT is denied the new file, in a jail without the device.
const device = /^\/dev\/(?:null|zero|full|u?random)$/;

function ofPath({ errno, needs, count }: Denial, path: BytePath, { user, binds }: Reported): Denied {
  const about = { path: showPath(path), count };
  if (errno !== EROFS) return { ...about, reason: `${user} may not ${verbs[needs] || 'reach'} it` };
  const bind = binds.find(([, target]) => isWithin(path, target as BytePath));
  const [source = '', target] = bind ?? [];
  return {
    ...about,
    reason: 'it is on a read-only mount',
    option:
      target === undefined
        ? '--ephemeral'
        : `--bind ${shellWord(source === target ? source : `${source}:${target}`)}`,
  };
}

/** The denials of a launch, in the order in which they came first. */
export function toDenied(denials: readonly Denial[], launch: Reported): readonly Denied[] {
  return denials.flatMap((denial): readonly Denied[] => {
    if (denial.kind === 'call') return [ofCall(denial)];
    if (denial.kind === 'files')
      return [
        {
          limit: 'nofile',
          reason: 'a process had as many open files as it may have (EMFILE)',
          count: denial.count,
          option: '--rlimit nofile=N',
        },
      ];
    if (denial.kind === 'end') {
      const { count } = denial;
      return count === 0 ? [] : [{ reason: 'the report is full, and does not name the rest', count }];
    }
    const path = posix.normalize(bytePath(denial.path)) as BytePath;
    return denial.kind === 'missing' || device.test(path)
      ? ofMissing(denial, path, launch)
      : [ofPath(denial, path, launch)];
  });
}
