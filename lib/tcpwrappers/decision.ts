// A decision for callers: the verdict, its rule, and its actions, which apply() carries out.

import { UsageError } from '../errors.ts';
import { type Applied, apply, type ApplyTarget, type TimeLimits } from './apply/applied.ts';
import { logEntries, type LogEntry } from './apply/log-entries.ts';
import type { Request } from './connection/request-info.ts';
import type { Effect, Ruling, Verdict } from './decide/ruling.ts';
import type { Lookup } from './lookup/resolver.ts';
import type { Finding } from './rule/finding.ts';
import { toUtf8 } from './text/latin1.ts';

export interface MatchedRule {
  /** Path of the file. */
  readonly file: string;
  /** Its last physical line, from 1. */
  readonly line: number;
  /** Its text, joined if it has several lines. */
  readonly text: string;
}

export function toMatched({ file, line, text }: MatchedRule): MatchedRule {
  return { file: toUtf8(file), line, text: toUtf8(text) };
}

/** A new decision; undefined if the files still have these tables. */
type DecideAgain = (tables: Ruling['tables']) => Promise<Decision | undefined>;

/** The answer of Hosts.check(). */
export class Decision {
  /** The look-ups that were made, in order. */
  readonly lookups: readonly Lookup[];
  readonly #ruling: Ruling;
  readonly #request: Request;
  readonly #limits: TimeLimits;
  readonly #decideAgain: DecideAgain;
  #isApplied = false;

  /** Made by Hosts.check(). */
  constructor(
    ruling: Ruling,
    request: Request,
    lookups: readonly Lookup[],
    limits: TimeLimits,
    decideAgain: DecideAgain,
  ) {
    this.#ruling = ruling;
    this.#request = request;
    this.lookups = lookups;
    this.#limits = limits;
    this.#decideAgain = decideAgain;
  }

  /**
   * The decision by the files as they are now, for a client that has waited since: this one if they have not changed, or if
   * the same rule decides. What was looked up is not looked up again.
   */
  async renew(): Promise<Decision> {
    const now = await this.#decideAgain(this.#ruling.tables);
    if (now === undefined) return this;
    const [one, other] = [this.#ruling.rule, now.#ruling.rule];
    return one !== undefined && one.file === other?.file && one.text === other.text ? this : now;
  }

  /**
   * `granted`; `denied`; `delegated`: the client gets a command (`twist`) instead of the service; `undecided`: apply()
   * must run a command first (`aclexec`). Only `granted` lets the client in.
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
    return this.#ruling.rule && toMatched(this.#ruling.rule);
  }

  /** Set where the rule alone does not explain the verdict. */
  get reason(): string | undefined {
    return this.#ruling.reason;
  }

  /** The actions of the rule in order, expanded. Texts have one byte a character. */
  get options(): readonly Effect[] {
    return this.#ruling.effects;
  }

  /** The commands of the rule for /bin/sh. */
  get commands(): readonly { readonly kind: 'spawn' | 'aclexec' | 'twist'; readonly command: string }[] {
    return this.#ruling.effects.flatMap((effect) =>
      'command' in effect ? [{ kind: effect.kind, command: toUtf8(effect.command) }] : [],
    );
  }

  /** Findings about the files that were searched. */
  get findings(): readonly Finding[] {
    return this.#ruling.tables.flatMap(({ findings }) => findings);
  }

  /** Problems that do not change the verdict, such as an unknown letter behind a %. */
  get warnings(): readonly string[] {
    return this.#ruling.warnings;
  }

  /** Messages for syslog(3) if every `aclexec` succeeds; Applied has the final ones. */
  get log(): readonly LogEntry[] {
    return logEntries(this.#ruling, this.#request);
  }

  /**
   * Carries out the actions of the rule, once: runs commands, sends the banner, sets socket options. The verdict of the
   * result is final: an action that fails is reported, or refuses.
   * @throws {UsageError} (rejects) the second time.
   */
  async apply(target: ApplyTarget): Promise<Applied> {
    if (this.#isApplied) throw new UsageError('a decision is applied once');
    this.#isApplied = true;
    return apply(this.#ruling, this.#request, target, this.#limits);
  }
}
