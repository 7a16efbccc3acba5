// Prints a plan: `uchroot --plan`, as text and as JSON.
import type { LaunchError } from '../../errors.ts';
import { jsonDocument } from '../../words/json.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { octal } from '../../trust/writer.ts';
import type { EnvironmentRules } from '../host/environment.ts';
import type { RecordedJail } from '../compile/payload.ts';
import { describeStep } from '../plan/table.ts';
import type { DirectoryFinding } from '../host/directory.ts';
import type { Launch } from '../host/prepare.ts';
import { threatAnswers, threatsAsText, type ThreatFacts } from './threats.ts';

/** What a launch gives away by --insecure-path (bindDangers() of lib/launch/host/binds.ts). */
type Given = readonly Pick<DirectoryFinding, 'message'>[];

/**
 * One line for each step: place, name, object and purpose. A line marks the border between two stages. Then a line for each threat, and
 * one for each path of the host that is given away.
 */
export function planAsText(launch: Launch, given: Given = []): string {
  return stepsAsText(launch) + threatsAsText(onThisKernel(launch)) + givenAsText(given);
}

function givenAsText(given: Given): string {
  if (given.length === 0) return '';
  const lines = given.map(({ message }) => `  ${message}\n`);
  return `by --insecure-path it gives the program what these walls do not hold:\n${lines.join('')}`;
}

// A compiled launcher may run on another kernel.
const onThisKernel = ({ request, account }: Launch): ThreatFacts => ({
  request,
  account,
  landlockAbi: native.landlockAbi(),
});

function stepsAsText({ stages, account, view }: Launch): string {
  const who = account.name === undefined ? '' : ` (${quote(account.name)})`;
  const head = `uid ${account.uid}${who}, gid ${account.gid}, groups ${account.groups.join(',') || 'none'}, jail ${view.jail}\n`;
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
export function planAsJson(launch: Launch, problem: LaunchError | undefined, given: Given = []): string {
  const { stages, account, view } = launch;
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
  const plan = { account, jail: view.jail, steps: shown, threats, givesAway, problem: failed };
  return jsonDocument(plan, readable);
}

// What the launcher checks before the first step.
function jailLine({ components, identity }: RecordedJail, anyInode: boolean, anyPath: boolean): string {
  const jail = components.at(-1);
  if (jail === undefined) return '';
  const owner = `owner ${jail.uid}:${jail.gid}`;
  const own = anyInode
    ? `${owner}, and no more writers than mode ${octal(jail.mode)} allows`
    : `inode ${identity.inode}, ${owner}, mode ${octal(jail.mode)}`;
  const above = anyPath ? '' : '; the directories above must have the same owners and writers as now';
  return `${jail.shown} must be a directory with ${own}${above}`;
}

function environmentLines({ beginnings, keepsOthers, entries, fallbacks }: EnvironmentRules): string {
  const names = beginnings
    .map((beginning) => quote(beginning))
    .map((name) => (name.endsWith('=') ? name.slice(0, -1) : `${name}*`));
  return [
    ...entries.map((entry) => quote(entry)),
    ...fallbacks.map((entry) => `${quote(entry)}, unless the caller has one`),
    `the caller's ${keepsOthers ? 'but ' : ''}${names.join(', ')}`,
  ].join('\n               ');
}

/** The output of a compiled launcher for --plan: the steps, and the other recorded data. */
export function compiledPlan(
  launch: Launch,
  jail: RecordedJail,
  environment: EnvironmentRules,
  anyInode: boolean,
  given: Given = [],
): string {
  const { request, steps } = launch;
  const program = steps.findLast((step) => step.op === 'execve');
  const rows = {
    jail: jailLine(jail, anyInode, request.insecurePath),
    argv: program?.argv.map((argument) => quote(argument)).join(' '),
    environment: environmentLines(environment),
    'pid file': request.pidFile === undefined ? undefined : quote(request.pidFile),
  };
  const lines = Object.entries(rows).map(([name, value]) =>
    value === undefined ? '' : `  ${name.padEnd(12)} ${value}\n`,
  );
  return stepsAsText(launch) + lines.join('') + threatsAsText(launch) + givenAsText(given);
}

/** The output of a compiled launcher for --help. */
export function compiledHelp({ account, steps, view }: Launch): string {
  const program = steps.findLast((step) => step.op === 'execve');
  return `Usage: this launcher alone, or with one of --plan, --help, --version

Starts ${quote(program?.program ?? '')} in the jail ${view.jail} as uid ${account.uid}, in place of itself. It must be run by root.
uchroot --compile has written it. uchroot(8), which is doc/uchroot.md of the sources, describes messages and exit statuses.

  --plan     print the steps, and what is checked before them; start nothing
  --help     show this text
  --version  show the version of uchroot that has written it
`;
}
