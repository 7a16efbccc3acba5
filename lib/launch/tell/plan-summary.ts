// The five lines with which `uchroot --plan` begins: who, where, what is shut, what is open, what would fail. Pure.
import type { LaunchError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { showGids } from '../plan/credentials.ts';
import type { Launch } from '../plan/launch.ts';
import { capabilityNames } from '../request/capabilities.ts';
import type { NormalView } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { hasDoor, type ThreatAnswer } from './threats.ts';

/** The parts of a launch that are printed. */
export type Printed = Pick<Launch, 'account' | 'stages'> & { readonly request: NormalRequest };

const joined = (words: readonly string[]): string => (words.length === 0 ? 'nothing' : words.join(', '));

function who({ request, account }: Printed): string {
  const { user, caps, rootless } = request;
  const name =
    user.isAuto === true
      ? 'auto, each launch an id of its own'
      : account.name === undefined
        ? 'a user without a name'
        : quote(account.name);
  const rights = caps.map((number) => capabilityNames[number] ?? String(number));
  return [
    `${name}: uid ${account.uid}, gid ${account.gid}, groups ${showGids(account.groups)}`,
    `capabilities ${rights.join(',') || 'none'}`,
    ...(rootless ? ['in a user namespace of yours'] : []),
  ].join('; ');
}

function place(view: NormalView): string {
  const path = quote(view.target);
  switch (view.kind) {
    case 'bind':
      return `${path} (${quote(view.source)} of the host${view.readOnly ? ', read-only' : ''})`;
    case 'workspace':
      return `${path} (of the host, changes are kept aside)`;
    case 'tmpfs':
      return `${path} (empty, in memory)`;
    case 'writable':
      return `${path} (writable)`;
    case 'proc':
    case 'dev':
    case 'dir':
      return path;
    default:
      return view satisfies never;
  }
}

function where({ request, stages }: Printed): string {
  const { jail, cwd, view, readOnly, ephemeral } = request;
  const program = stages.flat().findLast((step) => step.op === 'execve')?.program ?? '';
  const own = view.filter((entry) => entry.kind !== 'bind' || entry.isReference !== true);
  const isReference = own.length < view.length;
  return [
    `${quote(program)} in ${quote(jail)}, working directory ${quote(cwd)}`,
    ...(readOnly ? ['the jail is read-only'] : []),
    ...(ephemeral === undefined ? [] : ['what it writes goes with it']),
    ...(isReference ? ["programs and settings are the host's, read-only"] : []),
    ...(own.length === 0 ? [] : [`mounts ${joined(own.map(place))}`]),
  ].join('; ');
}

// What the options give to the program besides.
const given = ({ connectTo, listenOn, allowNewPrivs, view, allow }: NormalRequest): readonly string[] => [
  ...view.flatMap((entry) =>
    entry.kind === 'bind' && entry.isReference !== true
      ? [`${quote(entry.source)} of the host${entry.readOnly ? ' (to read)' : ''}`]
      : [],
  ),
  ...(allow.length === 0 ? [] : [`system calls ${allow.join(' ')}`]),
  ...(connectTo.length === 0 ? [] : [`calls to ${connectTo.map(({ text }) => quote(text)).join(' ')}`]),
  ...(listenOn.length === 0 ? [] : ['ports of the host that lead to it']),
  ...(allowNewPrivs ? ['set-user-ID programs'] : []),
];

function fails(problem: LaunchError | undefined, isTried: boolean): string {
  if (problem !== undefined) return `${problem.step}; the reason follows`;
  return isTried ? 'nothing' : 'nothing that is seen without root, who also tries the steps';
}

/** The five lines. A subject is shut if all its threats are stopped. @param isTried whether the steps were tried too */
export function summaryAsText(
  launch: Printed,
  threats: readonly ThreatAnswer[],
  problem: LaunchError | undefined,
  isTried: boolean,
): string {
  const open = new Set(threats.filter(({ stopped }) => !stopped).map(({ subject }) => subject));
  const all = new Set(threats.map(({ subject }) => subject));
  const partly = new Set(
    threats.filter(({ by, stopped }) => stopped && by.every(hasDoor)).map(({ subject }) => subject),
  );
  const shut = [...all].filter((subject) => !open.has(subject));
  return [
    `who:    ${who(launch)}`,
    `where:  ${where(launch)}`,
    `shut:   ${joined(shut.map((subject) => (partly.has(subject) ? `${subject} but for what is open` : subject)))}`,
    `open:   ${joined([...given(launch.request), ...open])}`,
    `fails:  ${fails(problem, isTried)}`,
    '',
  ].join('\n');
}
