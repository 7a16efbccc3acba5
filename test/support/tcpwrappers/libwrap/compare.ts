// Whether we answer a request as the installed libwrap does.

import type { HostPattern, PatternFile, PatternList } from '../../../../lib/tcpwrappers/rule/pattern.ts';
import type { Rule, Table, Tables } from '../../../../lib/tcpwrappers/rule/rule-table.ts';
import type { OracleAnswer, TestRequest, TestSet } from '../../tcpwrappers-oracle.ts';
import { type Observation, observeOracle } from './observe.ts';
import type * as lib from './observe.ts';

/** The part of observe.ts that a mutant brings its own of. */
export type Observer = Pick<typeof lib, 'observe' | 'readSet'>;

/** A request of a set and libwrap's answer. */
export interface Case {
  readonly set: TestSet;
  readonly request: TestRequest;
  readonly theirs: Observation;
}

/** Where we refuse on purpose what libwrap does not: each has tests in differences.test.ts. */
export type Difference =
  | 'a length of an IPv6 network that is no number'
  | 'a hosts.deny that is a directory'
  | 'a line of hosts.allow that is too long, and rules that may refuse behind it'
  | 'a file of patterns that leads back to itself or has too long a word'
  | 'an expansion that is too long';

export function* pairUp(sets: readonly TestSet[], answers: readonly OracleAnswer[]): Generator<Case, void> {
  let at = 0;
  for (const set of sets)
    for (const request of set.requests) {
      const answer = answers[at++];
      if (answer === undefined) throw new Error('the oracle has not answered');
      yield { set, request, theirs: observeOracle(answer, request) };
    }
}

// --- what libwrap makes of a word that we do not believe ---

function believeHost(pattern: HostPattern): HostPattern {
  if (pattern.kind === 'doubtful') return { ...pattern, kind: 'net6', net: '', length: 0 };
  return pattern.kind === 'file' ? { ...pattern, file: believeFile(pattern.file) } : pattern;
}

function believeFile(file: PatternFile): PatternFile {
  return { ...file, patterns: file.patterns.map(believeHost) };
}

function believeList<Word extends { readonly host?: HostPattern }>(
  list: PatternList<Word>,
): PatternList<Word> {
  return list.map((part) =>
    part.map((word) => (word.host === undefined ? word : { ...word, host: believeHost(word.host) })),
  );
}

function believeRule(rule: Rule): Rule {
  return { ...rule, daemons: believeList(rule.daemons), clients: believeList(rule.clients) };
}

/** The tables as libwrap takes them: junk is /0, and what is not read is not there. */
function believe({ allow, deny }: Tables): Tables {
  const table = ({ unread, ...rest }: Table, keepsUnread: boolean): Table => {
    const rules = rest.rules.map(believeRule);
    return { ...rest, rules, ...(keepsUnread && unread !== undefined ? { unread } : {}) };
  };
  return { allow: table(allow, false), deny: table(deny, deny.unread?.code !== 'is-a-directory') };
}

// --- comparing ---

function isSame(ours: Observation, theirs: Observation, { files }: TestSet): boolean {
  // libwrap counts no newline behind a NUL
  const hasNul = Object.values(files).some((file) => typeof file === 'object' && file.text.includes('\0'));
  const rule = (observation: Observation) => (hasNul ? observation.rule.split(' ', 1)[0] : observation.rule);
  return (
    ours.verdict === theirs.verdict &&
    rule(ours) === rule(theirs) &&
    ours.lookups.join('\n') === theirs.lookups.join('\n') &&
    ours.effects.join('\n') === theirs.effects.join('\n') &&
    ours.warnings.join('\n') === theirs.warnings.join('\n')
  );
}

function broken(reason: string | undefined, theirs: Observation): Difference | undefined {
  if (reason === 'expansion too long' && theirs.verdict === 'exited') return 'an expansion that is too long';
  return theirs.verdict === 'crashed' && /leads back to itself$|has a word of more than/.test(reason ?? '')
    ? 'a file of patterns that leads back to itself or has too long a word'
    : undefined;
}

/** Compares the answers of one implementation to the requests of one set after the other. */
export class Comparison {
  readonly #lib: Observer;
  readonly #directory: string;
  #set: TestSet | undefined;
  #hosts: Tables | undefined;
  #believed: Tables | undefined;

  constructor(lib: Observer, directory: string) {
    this.#lib = lib;
    this.#directory = directory;
  }

  /** The tables of the set that was compared last. */
  hosts(set: TestSet): Tables {
    if (this.#set !== set || this.#hosts === undefined) {
      this.#set = set;
      this.#hosts = this.#lib.readSet(set, this.#directory);
      this.#believed = undefined;
    }
    return this.#hosts;
  }

  /** `same`, on purpose another, or a failure: our answer. */
  compare({ set, request, theirs }: Case): 'same' | Difference | Observation {
    const hosts = this.hosts(set);
    const { decision, ...ours } = this.#lib.observe(hosts, request, set, this.#directory);
    if (isSame(ours, theirs, set)) return 'same';
    const difference = broken(decision.reason, theirs);
    if (ours.verdict === 'denied' && difference !== undefined) return difference;
    // on purpose, we are never the ones who let somebody in
    if (ours.verdict !== 'denied' && theirs.verdict === 'denied') return ours;
    this.#believed ??= believe(hosts);
    const believed = this.#lib.observe(this.#believed, request, set, this.#directory);
    const isExplained =
      isSame(believed, theirs, set) || broken(believed.decision.reason, theirs) !== undefined;
    if (!isExplained) return ours;
    if (decision.reason === 'hosts.deny is a directory') return 'a hosts.deny that is a directory';
    return decision.reason?.startsWith('the line has more than') === true
      ? 'a line of hosts.allow that is too long, and rules that may refuse behind it'
      : 'a length of an IPv6 network that is no number';
  }
}
