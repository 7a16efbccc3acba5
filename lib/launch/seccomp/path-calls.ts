// A filter of which a process beside the program hears: of the calls that it refuses, and of those that take a path
// (native/launcher/denials.h). Pure.
import { callNumbers, type CallTable, type FilteredArchitecture } from './call-table.ts';
import { always, equals, isPermissive, type Policy, type Verdict } from './policy.ts';
import { answers, auditArchitectures, compatOf, ENOSYS, refusal } from './seccomp-data.ts';

/** In the order of PathWay. */
const ways = 'look link open how access execute search write create make remove connect bind'.split(' ');

// WAY PATH DIRECTORY FLAGS: CALL…, with the places of the arguments. Paths that are seldom asked for first, and only to read a link or
// attributes, are left out: each row costs all programs.
const rows = `
look 0 - -: stat stat64
link 0 - -: lstat lstat64
look 1 0 3: newfstatat fstatat64
look 1 0 2: statx
access 0 - 1: access
access 1 0 2: faccessat faccessat2
open 0 - 1: open
open 1 0 2: openat
how 1 0 2: openat2
create 0 - -: creat
execute 0 - -: execve
search 0 - -: chdir
write 0 - -: truncate truncate64
make 0 - -: mkdir mknod
make 1 0 -: mkdirat mknodat
make 1 - -: symlink
make 2 1 -: symlinkat
look 0 - -: link
make 1 - -: link
link 1 0 -: linkat
make 3 2 -: linkat
remove 0 - -: rename unlink rmdir
make 1 - -: rename
remove 1 0 -: renameat renameat2 unlinkat
make 3 2 -: renameat renameat2
connect 1 - 2: connect
bind 1 - 2: bind`
  .trim()
  .split('\n')
  .map((line) => {
    const [words = '', calls = ''] = line.split(': ');
    const [way = '', ...places] = words.split(' ');
    return {
      calls: calls.split(' '),
      bytes: [...places.map((place) => (place === '-' ? 255 : Number(place))), ways.indexOf(way)],
    };
  });

// fcntl.h. fstat(3) of older C libraries: such a call has no path.
const AT_EMPTY_PATH = 0x1000;
const flagsOfStat: Readonly<Record<string, number>> = { newfstatat: 3, fstatat64: 3, statx: 2 };

// The C library makes another call if one of these answers ENOSYS: no program misses them.
const replaced = new Set(['clone3', 'openat2', 'socketcall']);

const isError = (answer: number): boolean => (answer & ~0xffff) === refusal(0);

const told = (answer: number): number => (isError(answer) ? answers.notify : answer);
const heard = (answer: number): number => (isPermissive(answer) ? answers.notify : told(answer));

const withAnswers = ({ cases, otherwise }: Verdict, change: (answer: number) => number): Verdict => ({
  cases: cases.map(({ tests, answer }) => ({ tests, answer: change(answer) })),
  otherwise: change(otherwise),
});

// Without the calls that have no path.
function ofPath(call: string, verdict: Verdict): Verdict {
  const { cases, otherwise } = withAnswers(verdict, heard);
  const flags = flagsOfStat[call];
  if (flags === undefined || !isPermissive(verdict.otherwise)) return { cases, otherwise };
  const tests = [equals(flags, AT_EMPTY_PATH, BigInt(AT_EMPTY_PATH))];
  return { cases: [{ tests, answer: verdict.otherwise }, ...cases], otherwise };
}

const isSilent = (call: string, { cases, otherwise }: Verdict): boolean =>
  replaced.has(call) && cases.length === 0 && otherwise === refusal(ENOSYS);

/** The same rules, but a process hears of each refusal, which it carries out, and of each path. */
export function asReported(policy: Policy): Policy {
  const verdicts = new Map(
    [...policy.verdicts].map(([call, one]) => [call, isSilent(call, one) ? one : withAnswers(one, told)]),
  );
  for (const { calls } of rows)
    for (const call of calls) {
      const own = policy.verdicts.get(call) ?? always(policy.otherwise);
      if (!isSilent(call, own)) verdicts.set(call, ofPath(call, own));
    }
  return { ...policy, verdicts, otherwise: told(policy.otherwise) };
}

/** The tables of calls of an architecture: its own, and that of its 32-bit programs. */
const tablesOf = (architecture: FilteredArchitecture): readonly CallTable[] => [
  architecture,
  compatOf[architecture],
];

/** The name of a refused call. */
export function callName(architecture: number, number: number): string {
  const table = Object.entries(auditArchitectures).find(([, value]) => value === architecture)?.[0];
  const numbers = table === undefined ? [] : [...callNumbers(table as CallTable)];
  return numbers.find(([, own]) => own === number)?.[0] ?? `call ${number}`;
}

/**
 * What the reporting process must know, as struct Given of native/launcher/denials.cc.
 *
 * @param filter the filter that it answers for
 * @param avoided paths of the host at which it must not look
 */
export function reportData(
  filter: Buffer,
  architecture: FilteredArchitecture,
  avoided: readonly Buffer[],
): Buffer {
  const calls = tablesOf(architecture).flatMap((table) =>
    rows.flatMap(({ calls, bytes }) =>
      calls.flatMap((call) => {
        const number = callNumbers(table).get(call);
        if (number === undefined) return [];
        const ids = Buffer.from(Uint32Array.of(auditArchitectures[table], number).buffer);
        return [Buffer.concat([ids, Buffer.from(bytes)])];
      }),
    ),
  );
  const places = Buffer.concat(avoided.map((path) => Buffer.concat([path, Buffer.alloc(1)])));
  const header = Uint32Array.of(filter.length / 8, calls.length, places.length);
  return Buffer.concat([Buffer.from(header.buffer), filter, ...calls, places]);
}
