// Prints a plan: `uchroot --plan`, as text and as JSON.
import { existsSync } from 'node:fs';

import type { LaunchError } from '../../errors.ts';
import { jsonDocument } from '../../words/json.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { showGids } from '../plan/credentials.ts';
import { describeStep } from '../plan/table.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import type { NormalRequest } from '../request/request.ts';
import { deterministicEnv } from '../request/value.ts';
import { summaryAsText, type Printed } from './plan-summary.ts';
import { threatAnswers, threatsAsText, type ThreatFacts } from './threats.ts';

export type { Printed } from './plan-summary.ts';

/** What a launch gives away by --insecure-path (bindDangers() of lib/launch/host/binds.ts). */
export type Given = readonly Pick<DirectoryFinding, 'message'>[];

/** What `--plan` found besides the launch. */
export interface Found {
  readonly problem?: LaunchError | undefined;
  readonly given?: Given;
  /** Whether the steps before the program were tried. */
  readonly isTried?: boolean;
}

/** Five lines for a person, then one for each threat, and one for each path of the host that is given away. */
export function planAsText(launch: Printed, { problem, given = [], isTried = true }: Found = {}): string {
  const facts = onThisKernel(launch);
  return (
    summaryAsText(launch, threatAnswers(facts), problem, isTried) +
    untrustedAsText(launch.request) +
    deterministicAsText(launch.request) +
    threatsAsText(facts) +
    givenAsText(given)
  );
}

function untrustedAsText({ untrusted, landlock }: NormalRequest): string {
  if (untrusted === undefined) return '';
  const { options, changed } = untrusted;
  const others = changed.length === 0 ? '' : `  given otherwise: ${changed.join(' ')}\n`;
  const wall = landlock ? '' : '  no Landlock: this kernel has none, or it was switched off\n';
  return `--untrusted: ${options.join(' ')}\n${others}${wall}`;
}

function deterministicAsText({ deterministic, env, affinity = [] }: NormalRequest): string {
  if (!deterministic) return '';
  const values = new Map(env);
  const words = Object.entries(deterministicEnv).map(([name, own]) => {
    const isOwn = values.has(name) && values.get(name) === own;
    const value = values.get(name);
    if (!values.has(name)) return { isOwn, word: `${name} of the caller` };
    return { isOwn, word: value === undefined ? `no ${name}` : `${name}=${quote(value)}` };
  });
  const cpus = affinity.length === 0 ? [] : [`one of the CPUs ${affinity.join(',')}`];
  const others = [...words.filter(({ isOwn }) => !isOwn).map(({ word }) => word), ...cpus];
  const own = words.filter(({ isOwn }) => isOwn).map(({ word }) => word);
  return (
    `--deterministic: ${['no random addresses', 'one CPU', ...own].join(', ')}\n` +
    (others.length === 0 ? '' : `  given otherwise: ${others.join(', ')}\n`)
  );
}

/** The lines about what is given away. */
export function givenAsText(given: Given): string {
  if (given.length === 0) return '';
  const lines = given.map(({ message }) => `  ${message}\n`);
  return `by --insecure-path it gives the program what these walls do not hold:\n${lines.join('')}`;
}

/** What the answers about threats need, on any kernel. */
export const factsOf = ({ request, account, stages }: Printed): ThreatFacts => ({
  request,
  account,
  allowsNamespaces: stages.flat().some((step) => step.op === 'seccomp' && step.allowsNamespaces === true),
});

// A compiled launcher may run on another kernel.
const onThisKernel = (launch: Printed): ThreatFacts => ({
  ...factsOf(launch),
  landlockAbi: native.landlockAbi(),
  hasMemfdNoexec: existsSync('/proc/sys/vm/memfd_noexec'),
});

/** A line for the account, and one for each step: place, name, object and purpose. A line marks the border between two stages. */
export function stepsAsText({ request, stages, account }: Printed): string {
  const name = request.user.isAuto === true ? 'auto: each launch has an id of its own' : account.name;
  const who = name === undefined ? '' : ` (${quote(name)})`;
  const head = `uid ${account.uid}${who}, gid ${account.gid}, groups ${showGids(account.groups)}, jail ${quote(request.jail)}\n`;
  let place = 0;
  const parts = stages.map((stage) =>
    stage
      .map((step) => {
        const { object = '', purpose } = describeStep(step);
        return `${String(++place).padStart(3)}  ${step.op.padEnd(22)} ${object.padEnd(34)}  ${purpose}\n`;
      })
      .join(''),
  );
  return (
    head +
    parts.join('     fork: this process waits for its child and ends with its status; the child continues:\n')
  );
}

// Bytes as text. Bytes that are not UTF-8 are escaped as in messages.
function readable(_key: string, value: unknown): unknown {
  if (value === Infinity) return 'unlimited';
  if (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  ) {
    return quoteBytes(value.data);
  }
  return value;
}

function quoteBytes(data: unknown): string {
  const bytes = Buffer.from(data as number[]);
  const text = bytes.toString();
  return text.includes('\ufffd') ? quote(bytes) : text;
}

/**
 * The plan as one JSON object (lib/words/json.ts explains its version): account, jail, steps with all their fields, the threats, what is
 * given away, and the problem. If there are several stages, each step has a stage number.
 */
export function planAsJson(launch: Printed, problem: LaunchError | undefined, given: Given = []): string {
  const { request, stages, account } = launch;
  const shown: object[] = [];
  for (const [index, stage] of stages.entries()) {
    const own = stages.length > 1 ? { stage: index + 1 } : {};
    for (const step of stage) shown.push({ place: shown.length + 1, ...own, ...describeStep(step), ...step });
  }
  const failed =
    problem === undefined
      ? undefined
      : { step: problem.step, code: problem.code, message: problem.message, hint: problem.hint };
  const threats = threatAnswers(onThisKernel(launch));
  const givesAway = given.map(({ message }) => message);
  const { untrusted } = request;
  const plan = {
    account,
    jail: quote(request.jail),
    untrusted,
    steps: shown,
    threats,
    givesAway,
    problem: failed,
  };
  return jsonDocument(plan, readable);
}
