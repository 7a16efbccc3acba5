// Reads one line as a rule: daemons, clients and what else there is to do.

import type { Broken } from '../request/answer.ts';
import type { PlacedOption } from '../rule/option.ts';
import type { PatternFile } from '../rule/pattern.ts';
import type { Doubt, Rule, Table } from '../rule/rule.ts';
import { findOutside } from '../text/field.ts';
import { type Dialect, parseThirdField } from './dialect.ts';
import type { Line } from './line.ts';
import { parseClients, parseDaemons } from './list.ts';

interface RuleOptions {
  readonly file: string;
  readonly role: Table['role'];
  readonly dialect?: Dialect;
  readonly openFile: (path: string) => PatternFile;
  readonly isInPath?: (word: string) => boolean;
}

export interface RuleReader {
  /** The rule of a line; `nothing` of one that is blank or a comment, `no rule` of one without a separator. */
  read(line: Line): Rule | 'nothing' | 'no rule';
  /** What the rule answers in doubt, of which only the third field is read. */
  doubt(thirdField: string): Doubt;
}

const NO_OPTIONS: readonly PlacedOption[] = [];

// Options by which a rule that grants may refuse all the same.
const UNCERTAIN: ReadonlySet<string> = new Set(['aclexec', 'user', 'group', 'setenv']);
const NOT_TOLD: Broken = {
  kind: 'broken',
  message: 'a word that cannot be believed, in a rule of which it is not known whether it grants',
};

function doubtOf(role: Table['role'], options: readonly PlacedOption[]): Doubt {
  const last = options.at(-1)?.option.kind;
  if (last === 'deny' || last === 'twist' || last === 'error') return true;
  if (role === 'deny' && last !== 'allow') return true;
  return options.some(({ option }) => UNCERTAIN.has(option.kind)) ? NOT_TOLD : false;
}

/** Reads lines of one file. */
export function openRuleReader(options: RuleOptions): RuleReader {
  const { file, role, dialect = 'auto', openFile, isInPath = () => false } = options;
  // most rules of a long file are for the same daemons
  const lists = new Map<string, Pick<Rule, 'daemons' | 'daemonText'>>();

  function readDaemons(text: string, colon: number): Pick<Rule, 'daemons' | 'daemonText'> {
    const daemonText = text.slice(0, colon);
    const known = lists.get(daemonText);
    if (known !== undefined) return known;
    const list = { daemonText, daemons: parseDaemons(text, 0, colon, openFile) };
    lists.set(daemonText, list);
    return list;
  }

  return {
    read({ text, line }) {
      if (text.startsWith('#') || !/[^ \t\r]/.test(text)) return 'nothing';
      const colon = findOutside(text, ':');
      if (colon < 0) return 'no rule';
      const second = findOutside(text, ':', colon + 1);
      const end = second < 0 ? text.length : second;
      const placed = second < 0 ? NO_OPTIONS : parseThirdField(text, second + 1, dialect, isInPath);
      return {
        file,
        line,
        text,
        ...readDaemons(text, colon),
        clients: parseClients(text, colon + 1, end, openFile),
        options: placed,
        doubt: doubtOf(role, placed),
      };
    },
    doubt: (thirdField) => doubtOf(role, parseThirdField(thirdField, 0, dialect, isInPath)),
  };
}

/** Whether a line, which need not be one that libwrap would take, is a rule that may refuse somebody. */
export function mayRefuse(reader: RuleReader, text: string): boolean {
  const colon = text.startsWith('#') ? -1 : findOutside(text, ':');
  const second = colon < 0 ? -1 : findOutside(text, ':', colon + 1);
  return second >= 0 && reader.doubt(text.slice(second + 1)) !== false;
}
