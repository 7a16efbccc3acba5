// Shows a decision of `uchroot-tcpd match` as text.

import { quote } from '../quote.ts';
import type { CheckFinding } from '../tcpwrappers/check/checked.ts';
import type { Host } from '../tcpwrappers/connection/request-info.ts';
import type { Explanation } from '../tcpwrappers/explain/explanation.ts';
import { optionOf } from '../tcpwrappers/explain/public-explanation.ts';
import type { Rule } from '../tcpwrappers/rule/rule-table.ts';
import { show } from '../tcpwrappers/text/latin1.ts';

function line(what: string, text: string): string {
  return `${`${what}:`.padEnd(9)} ${text}\n`;
}

function placeOf({ file, line, text }: Rule): string {
  return `${show(file)}:${line}: ${show(text)}`;
}

function findingOf({ file, line, message }: CheckFinding): string {
  return `${quote(file)}${line === undefined ? '' : `:${line}`}: ${message}`;
}

function endpoint({ address, name, port }: Host): string {
  const known = name === undefined ? '' : ` (${show(name)})`;
  return `${show(address)}${known}${port === undefined ? '' : ` port ${port}`}`;
}

/** With `why`, one line for each rule before the one that matched, and for each finding. */
export function explanationText(explanation: Explanation, why: boolean): string {
  const { request, ruling, lookups, passed, findings, doubts, verdict } = explanation;
  const { client, server, daemon, user } = request;
  const known = server.address === 'unknown' && server.port === undefined ? '' : ` at ${endpoint(server)}`;
  return [
    line('client', `${user === undefined ? '' : `${show(user)}@`}${endpoint(client)}`),
    line('server', `${show(daemon)}${known}`),
    ...lookups.map(({ kind, subject, result, problem }) =>
      line(
        'look-up',
        `${kind} of ${show(subject)}: ${show(result)}${problem === undefined ? '' : ` (${problem})`}`,
      ),
    ),
    ...(why ? passed.map(({ rule, why }) => line('passed', `${placeOf(rule)}: ${why}`)) : []),
    ...(why ? findings.map((finding) => line('finding', findingOf(finding))) : []),
    line('rule', ruling.rule === undefined ? 'none' : placeOf(ruling.rule)),
    ...ruling.effects
      .map(optionOf)
      .map(([name, value]) => line('option', `${name} ${show(value)}`.trimEnd())),
    ...ruling.warnings.map((warning) => line('warning', show(warning))),
    ...(ruling.reason === undefined ? [] : [line('reason', ruling.reason)]),
    ...doubts.map((doubt) => line('doubt', doubt)),
    line('access', verdict),
  ].join('');
}
