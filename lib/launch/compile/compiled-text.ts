// What a compiled launcher prints for --plan and --help.
import { octal } from '../../trust/writer.ts';
import { quote } from '../../words/quote.ts';
import type { EnvironmentRules } from '../host/environment.ts';
import type { ExecveStep } from '../plan/step.ts';
import { factsOf, givenAsText, stepsAsText, type Given, type Printed } from '../tell/plan-output.ts';
import { threatsAsText } from '../tell/threats.ts';
import type { RecordedJail } from './payload.ts';

const programOf = ({ stages }: Printed): ExecveStep | undefined =>
  stages.flat().findLast((step) => step.op === 'execve');

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
  launch: Printed,
  jail: RecordedJail,
  environment: EnvironmentRules,
  anyInode: boolean,
  given: Given = [],
): string {
  const { request } = launch;
  const program = programOf(launch);
  const rows = {
    jail: jailLine(jail, anyInode, request.insecurePath),
    argv: program?.argv.map((argument) => quote(argument)).join(' '),
    environment: environmentLines(environment),
    'pid file': request.pidFile === undefined ? undefined : quote(request.pidFile),
  };
  const lines = Object.entries(rows).map(([name, value]) =>
    value === undefined ? '' : `  ${name.padEnd(12)} ${value}\n`,
  );
  return stepsAsText(launch) + lines.join('') + threatsAsText(factsOf(launch)) + givenAsText(given);
}

/** The output of a compiled launcher for --help. */
export function compiledHelp(launch: Printed): string {
  const { account, request } = launch;
  const program = programOf(launch);
  return `Usage: this launcher alone, or with one of --plan, --help, --version

Starts ${quote(program?.program ?? '')} in the jail ${quote(request.jail)} as uid ${account.uid}, in place of itself. It must be run by root.
uchroot --compile has written it. uchroot(8), which is doc/uchroot.md of the sources, describes messages and exit statuses.

  --plan     print the steps, and what is checked before them; start nothing
  --help     show this text
  --version  show the version of uchroot that has written it
`;
}
