// A decision as callers see it: what is decided, by which rule, what it asks for; nothing has been done yet.

import { UsageError } from '../errors.ts';
import { type Applied, apply, type ApplyTarget, type TimeLimits } from './apply/applied.ts';
import { logEntries, type LogEntry } from './apply/log-entries.ts';
import type { Request } from './connection/request-info.ts';
import type { Effect, Ruling, Verdict } from './decide/ruling.ts';
import type { Lookup } from './lookup/resolver.ts';
import type { Finding } from './rule/finding.ts';
import { toUtf8 } from './text/latin1.ts';

/** Where a rule stands, and what it is. */
export interface MatchedRule {
  /** Path of the file. */
  readonly file: string;
  /** Its last physical line, from 1. */
  readonly line: number;
  /** As it stands in the file; joined, if it goes over several lines. */
  readonly text: string;
}

/** The answer of Hosts.check(). */
export class Decision {
  /** The look-ups that were made for it, in their order. */
  readonly lookups: readonly Lookup[];
  readonly #ruling: Ruling;
  readonly #request: Request;
  readonly #limits: TimeLimits;
  #isApplied = false;

  /** Made by Hosts.check(). */
  constructor(ruling: Ruling, request: Request, lookups: readonly Lookup[], limits: TimeLimits) {
    this.#ruling = ruling;
    this.#request = request;
    this.lookups = lookups;
    this.#limits = limits;
  }

  /**
   * `granted`; `denied`; `delegated`, where the client gets a command (`twist`) in place of the service; `undecided`,
   * where a command has to be run first (`aclexec`), which apply() does. Only `granted` lets the client in.
   */
  get verdict(): Verdict | 'undecided' {
    const { verdict, effects } = this.#ruling;
    if (verdict === 'denied') return verdict;
    return effects.some(({ kind }) => kind === 'aclexec') ? 'undecided' : verdict;
  }

  /** The verdict if every `aclexec` succeeds; `denied` if one fails. */
  get expected(): Verdict {
    return this.#ruling.verdict;
  }

  /** The rule that matched; undefined if none did. */
  get rule(): MatchedRule | undefined {
    const { rule } = this.#ruling;
    return rule && { file: toUtf8(rule.file), line: rule.line, text: toUtf8(rule.text) };
  }

  /** Why it is so, where that is not simply the rule, or that there is none. */
  get reason(): string | undefined {
    return this.#ruling.reason;
  }

  /** What the options of the rule come to, expanded, in their order. Texts have one byte a character. */
  get options(): readonly Effect[] {
    return this.#ruling.effects;
  }

  /** The commands of the rule, as /bin/sh will get them. */
  get commands(): readonly { readonly kind: 'spawn' | 'aclexec' | 'twist'; readonly command: string }[] {
    return this.#ruling.effects.flatMap((effect) =>
      'command' in effect ? [{ kind: effect.kind, command: toUtf8(effect.command) }] : [],
    );
  }

  /** What is wrong with the files that were looked at for it. */
  get findings(): readonly Finding[] {
    return this.#ruling.tables.flatMap(({ findings }) => findings);
  }

  /** What does not change the verdict, such as a `%` and a letter that stand for nothing. */
  get warnings(): readonly string[] {
    return this.#ruling.warnings;
  }

  /** What to write to syslog(3), if every `aclexec` succeeds; Applied has what to write once it is done. */
  get log(): readonly LogEntry[] {
    const { verdict, effects, warnings } = this.#ruling;
    return logEntries(verdict, this.#request, effects, warnings);
  }

  /**
   * Does what the rule asks for, once: runs its commands, sends its banner, sets the options of the socket. The verdict
   * of the result is the one that counts. What fails on the way is told, or refuses.
   * @throws {UsageError} (rejects) the second time.
   */
  async apply(target: ApplyTarget): Promise<Applied> {
    if (this.#isApplied) throw new UsageError('a decision is applied once');
    this.#isApplied = true;
    return apply(this.#ruling, this.#request, target, this.#limits);
  }
}
