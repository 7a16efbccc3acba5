// The filter of a launch that asks for another one than the small one. Pure.
import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { knownCalls } from './call-table.ts';
import { barePolicy, callGroups, isolatePolicy } from './default-policy.ts';
import { compileFilter } from './filter-tree.ts';
import { asReported } from './path-calls.ts';
import { readProfile, type ProfileFacts } from './oci-profile.ts';
import {
  answerTo,
  asLog,
  isPermissive,
  isRefused,
  keyringCalls,
  withAllowed,
  withAnswers,
  withoutSetId,
  withSmallRules,
  type Policy,
} from './policy.ts';

/** The filter that a launch asks for. */
export interface FilterRequest extends ProfileFacts {
  /** The default filter of isolated launches, unless there is a profile. */
  readonly isIsolated: boolean;
  /** Refuses nothing, and logs what would be refused. */
  readonly isLog: boolean;
  /** A profile of system calls, in place of the default filter. */
  readonly profile: { readonly file: string; readonly text: string } | undefined;
  /** Further calls that are refused, and the answers to them. */
  readonly refused?: ReadonlyMap<string, number> | undefined;
  /** No set-user-ID file can be made. */
  readonly noSetId?: boolean;
  /** Names of calls and groups that are given back. */
  readonly allow: readonly string[];
  /** The filter is installed before the ids change. */
  readonly allowNewPrivs: boolean;
  /** The program's process waits for its init after the filter is installed. */
  readonly hasInit: boolean;
  /** A line for --status-fd is written after the filter has been installed. */
  readonly hasStatus?: boolean;
  /** A process hears of what is refused, and of paths. */
  readonly isReported?: boolean;
}

/** A filter that is ready to be installed. */
export interface Filter {
  /** An array of `struct sock_filter`. */
  readonly bytes: Buffer;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
  /** Its description for a reader of the plan. */
  readonly title: string;
  /** Whether prctl(PR_GET_SECCOMP) can tell that it is in force. */
  readonly isReadable: boolean;
  /** Whether it refuses every call on the kernel's keyrings. */
  readonly closesKeyrings: boolean;
  /** A profile does not refuse to make namespaces. */
  readonly allowsNamespaces?: boolean;
  /** The rules without the reports, for the process that hears of them. */
  readonly plain?: Buffer;
}

// linux/seccomp.h
const newListener = 8;
// linux/prctl.h
const PR_GET_SECCOMP = 21n;

const programs32bit = '32bit';

/** The groups that --allow takes besides names of calls. */
export const allowGroups: readonly string[] = [programs32bit, ...Object.keys(callGroups)];

// @throws UsageError for a name that is neither a call nor a group
function callsOf(name: string): readonly string[] {
  if (Object.hasOwn(callGroups, name)) return callGroups[name as keyof typeof callGroups].split(' ');
  const known = knownCalls();
  if (known.has(name)) return [name];
  throw new UsageError(`--allow: there is no system call or group '${quote(name)}'`, {
    hint: didYouMean(name, [...allowGroups, ...known]) ?? `the groups are ${allowGroups.join(', ')}`,
  });
}

// Calls that the launch itself makes after it has installed the filter, and why. With an init process the program's process first
// waits for it (execute() in native/plan/interpreter.cc).
// Without the first ones it could not even end after a failure. Of the others it makes few kinds, which a rule may single out.
const neededAlways = new Set(['execve', 'write', 'exit_group', 'read']);
const needed = {
  always: ['execve', 'write', 'exit_group'],
  // around the status line (writeWithoutSignal() in native/plan/descriptors.cc)
  hasStatus: ['rt_sigprocmask'],
  hasInit: ['prctl', 'read'],
  // hands the listener over; execve itself is heard of
  isReported: ['sendmsg', 'execveat'],
  allowNewPrivs:
    'setgroups setresgid setresuid setfsuid setfsgid capset prctl getresuid getresgid getgroups capget statx getcwd faccessat rt_sigaction rt_sigprocmask'.split(
      ' ',
    ),
} as const;

function checkNeeded(
  policy: Policy,
  file: string,
  { allowNewPrivs, hasInit, hasStatus = false, isReported = false }: FilterRequest,
): void {
  const calls = [
    ...needed.always,
    ...(hasInit ? needed.hasInit : []),
    ...(hasStatus ? needed.hasStatus : []),
    ...(isReported ? needed.isReported : []),
    ...(allowNewPrivs ? needed.allowNewPrivs : []),
  ];
  const refused = calls.find((call) => isRefused(policy, call, neededAlways.has(call) ? 'ever' : 'always'));
  if (refused === undefined) return;
  const some = isRefused(policy, refused, 'always') ? '' : ' with some arguments';
  throw new UsageError(`${file}: refuses ${refused}${some}, which the launch itself needs`, {
    hint: `add ${refused} to the profile, or give it back with --allow ${refused}`,
  });
}

/**
 * Makes the filter of a launch.
 *
 * @throws UsageError for an unknown name, and with the place for a mistake in the profile
 */
export function makeFilter(request: FilterRequest): Filter {
  const {
    profile,
    allow,
    isIsolated,
    isLog,
    noSetId = false,
    refused = new Map(),
    isReported = false,
  } = request;
  const { policy: base, flags } =
    profile === undefined
      ? { policy: isIsolated ? isolatePolicy : barePolicy, flags: 0 }
      : readProfile(profile.file, profile.text, request);
  const calls = allow.filter((name) => name !== programs32bit).flatMap(callsOf);
  const allows32bit = base.allows32bit || allow.includes(programs32bit);
  const strict = withAnswers({ ...base, allows32bit }, refused);
  const small = withSmallRules(strict);
  const full = withAllowed(noSetId ? withoutSetId(small) : small, calls);
  const policy = isLog ? asLog(full) : full;
  if (profile !== undefined) checkNeeded(policy, profile.file, request);
  const parts = [
    profile === undefined
      ? isIsolated
        ? 'no calls that ordinary programs do not need'
        : 'no terminal injection, no kernel keyrings'
      : `the profile ${profile.file}`,
    ...(noSetId ? ['no set-user-ID files'] : []),
    ...(isLog ? ['refusals are only logged'] : []),
    ...(refused.size === 0 ? [] : [`also refused: ${[...refused.keys()].join(', ')}`]),
    ...(allow.length === 0 ? [] : [`allowed: ${allow.join(', ')}`]),
    ...(isReported ? ['refusals and paths are reported'] : []),
  ];
  const plain = compileFilter(policy, request.architecture);
  return {
    ...(isReported
      ? {
          bytes: compileFilter(asReported(policy), request.architecture),
          flags: flags | newListener,
          plain,
        }
      : { bytes: plain, flags }),
    title: parts.join('; '),
    isReadable: isPermissive(answerTo(policy, 'prctl', [PR_GET_SECCOMP])),
    ...(profile !== undefined && !isRefused(policy, 'unshare', 'ever') ? { allowsNamespaces: true } : {}),
    closesKeyrings: keyringCalls.every((call) => isRefused(policy, call, 'always')),
  };
}
