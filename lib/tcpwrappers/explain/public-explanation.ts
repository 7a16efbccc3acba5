// An explanation for callers and for JSON: texts are UTF-8, and internal objects are left out.

import type { CheckFinding } from '../check/checked.ts';
import type { Host } from '../connection/request-info.ts';
import type { Effect, Verdict } from '../decide/ruling.ts';
import { type MatchedRule, toMatched } from '../decision.ts';
import type { Lookup } from '../lookup/resolver.ts';
import { toUtf8 } from '../text/latin1.ts';
import type { Explanation } from './explanation.ts';

/** One end of a connection, as far as it is known. */
export interface ExplainedEnd {
  readonly address: string;
  readonly name: string | undefined;
  readonly port: number | undefined;
}

type ExplainedFinding = Pick<CheckFinding, 'file' | 'line' | 'column' | 'rule' | 'message'>;

export interface HostsExplanation {
  readonly verdict: Verdict;
  /** Whether a connection would get the same verdict. */
  readonly isCertain: boolean;
  /** Why a connection may get another verdict. */
  readonly doubts: readonly string[];
  /** Set where the rule alone does not explain the verdict. */
  readonly reason: string | undefined;
  readonly daemon: string;
  readonly client: ExplainedEnd & { readonly user: string | undefined };
  readonly server: ExplainedEnd;
  readonly rule: MatchedRule | undefined;
  /** The options of the rule, with expanded values. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly warnings: readonly string[];
  readonly lookups: readonly Lookup[];
  /** Findings of check() about lines on the way. */
  readonly findings: readonly ExplainedFinding[];
  /** The rules before it, and why each does not match. */
  readonly passed: readonly (MatchedRule & { readonly why: string })[];
}

/** An option and its expanded value. */
export function optionOf(effect: Effect): readonly [name: string, value: string] {
  switch (effect.kind) {
    case 'spawn':
    case 'twist':
    case 'aclexec':
      return [effect.kind, effect.command];
    case 'severity':
      return ['severity', [effect.facility, effect.level].filter((part) => part !== undefined).join('.')];
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
      return ['user', [effect.user, effect.group].filter((part) => part !== undefined).join('.')];
    case 'group':
      return ['group', effect.group];
    default:
      return effect satisfies never;
  }
}

export function toExplanation(explanation: Explanation): HostsExplanation {
  const { request, ruling, lookups, passed, findings, doubts, verdict } = explanation;
  const { user } = request;
  const toEnd = ({ address, name, port }: Host): ExplainedEnd => {
    return { address: toUtf8(address), name: name === undefined ? undefined : toUtf8(name), port };
  };
  return {
    verdict,
    isCertain: doubts.length === 0,
    doubts,
    reason: ruling.reason,
    daemon: toUtf8(request.daemon),
    client: { ...toEnd(request.client), user: user === undefined ? undefined : toUtf8(user) },
    server: toEnd(request.server),
    rule: ruling.rule && toMatched(ruling.rule),
    options: ruling.effects.map(optionOf).map(([name, value]) => ({ name, value: toUtf8(value) })),
    warnings: ruling.warnings,
    lookups: lookups.map(({ kind, subject, result, problem, durationMs }) => {
      return { kind, subject: toUtf8(subject), result: toUtf8(result), problem, durationMs };
    }),
    findings: findings.map(({ file, line, column, rule, message }) => {
      return { file, line, column, rule, message };
    }),
    passed: passed.map(({ rule, why }) => Object.assign(toMatched(rule), { why })),
  };
}
