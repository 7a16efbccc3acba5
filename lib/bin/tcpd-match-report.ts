// What `uchroot-tcpd match` says of one decision: for people, and as JSON.

import { quote } from '../quote.ts';
import type { CheckFinding } from '../tcpwrappers/check/checked.ts';
import type { Effect } from '../tcpwrappers/decide/effect.ts';
import type { Explanation } from '../tcpwrappers/explain/explain.ts';
import type { Host } from '../tcpwrappers/request/request.ts';
import type { Rule } from '../tcpwrappers/rule/rule.ts';
import { show } from '../tcpwrappers/text/show.ts';
import { toUtf8 } from '../tcpwrappers/text/utf8.ts';

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

/** An option, and its value as it would be put into effect. */
function optionOf(effect: Effect): readonly [name: string, value: string] {
  switch (effect.kind) {
    case 'spawn':
    case 'twist':
    case 'aclexec':
      return [effect.kind, effect.command];
    case 'severity':
      return [
        'severity',
        effect.facility === undefined ? effect.level : `${effect.facility}.${effect.level}`,
      ];
    case 'keepalive':
      return ['keepalive', ''];
    case 'linger':
      return ['linger', String(effect.seconds)];
    case 'banner':
      return ['banners', effect.text];
    case 'nice':
      return ['nice', String(effect.increment)];
    case 'setenv':
      return ['setenv', `${effect.name} ${effect.value}`];
    case 'umask':
      return ['umask', effect.mask.toString(8).padStart(3, '0')];
    case 'user':
      return ['user', effect.group === undefined ? effect.user : `${effect.user}.${effect.group}`];
    case 'group':
      return ['group', effect.group];
    default:
      return effect satisfies never;
  }
}

/** A few lines; with `why`, one for each rule that was tried before and did not match. */
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

function hostJson({ address, name, port }: Host): object {
  return { address: toUtf8(address), name: name === undefined ? undefined : toUtf8(name), port };
}

function ruleJson({ file, line, text }: Rule): object {
  return { file: toUtf8(file), line, text: toUtf8(text) };
}

/** The same for programs, with the rules that did not match. */
export function explanationJson(explanation: Explanation): object {
  const { request, ruling, lookups, passed, findings, doubts, verdict } = explanation;
  return {
    verdict,
    isCertain: doubts.length === 0,
    doubts,
    reason: ruling.reason,
    daemon: toUtf8(request.daemon),
    client: {
      ...hostJson(request.client),
      user: request.user === undefined ? undefined : toUtf8(request.user),
    },
    server: hostJson(request.server),
    rule: ruling.rule === undefined ? undefined : ruleJson(ruling.rule),
    options: ruling.effects.map(optionOf).map(([name, value]) => ({ name, value: toUtf8(value) })),
    warnings: ruling.warnings,
    lookups: lookups.map(({ kind, subject, result, problem, durationMs }) => {
      return { kind, subject: toUtf8(subject), result: toUtf8(result), problem, durationMs };
    }),
    findings: findings.map(({ file, line, column, rule, message }) => ({
      file,
      line,
      column,
      rule,
      message,
    })),
    passed: passed.map(({ rule, why }) => Object.assign(ruleJson(rule), { why })),
  };
}
