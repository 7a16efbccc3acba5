// What the system says of the name of an address: asked once for all who want it at a time, and kept for some seconds; no
// network has more than its share of the questions.

import { type HostNameFacts, native } from '../../native.ts';
import { Turns } from '../../turns.ts';
import { shareOf } from '../text/address.ts';
import { Kept } from './kept.ts';
import { Overload } from './overload.ts';

/** Questions under way. One that is given up goes on until the resolver gives up too, and keeps its turn. */
const turns = new Turns({ most: 64, share: 8 });

/** What is being asked about one address. */
interface Question {
  /** What is known so far; undefined before its turn. */
  latest: HostNameFacts | undefined;
  /** How many wait for the answer. */
  asking: number;
  readonly answer: Promise<HostNameFacts>;
  /** Out of the queue. */
  leave: (() => void) | undefined;
}

const kept = new Kept<HostNameFacts>(4096);
const questions = new Map<string, Question>();

function begin(question: Question, address: string, end: (facts: HostNameFacts) => void): void {
  question.latest = { isLast: false, reverseError: 'no answer in time' };
  native.lookUpHost(address, (facts) => {
    question.latest = facts;
    if (facts.isLast) end(facts);
  });
}

function openQuestion(address: string): Question {
  const share = shareOf(address);
  let settle: { readonly done: (facts: HostNameFacts) => void; readonly fail: (why: Overload) => void };
  const answer = new Promise<HostNameFacts>((done, fail) => {
    settle = { done, fail };
  });
  // whoever has gone away does not hear of it
  answer.catch(() => undefined);
  const question: Question = { latest: undefined, asking: 0, answer, leave: undefined };
  questions.set(address, question);
  const end = (): void => {
    questions.delete(address);
    turns.give(share);
  };
  question.leave = turns.enter(share, () => {
    try {
      begin(question, address, (facts) => {
        kept.keep(address, facts);
        end();
        settle.done(facts);
      });
    } catch (error) {
      // no thread could be started
      end();
      settle.fail(new Overload(`a name cannot be looked up: ${(error as Error).message}`));
    }
  });
  return question;
}

// The last that is known after the time: a name that is not verified yet is none to believe.
function giveUp(address: string, question: Question): HostNameFacts {
  if (question.latest !== undefined) return question.latest;
  if (question.asking === 1) {
    question.leave?.();
    questions.delete(address);
  }
  throw new Overload('too many names are being looked up');
}

/**
 * The facts of the name of an address in numbers. What is known by the end of the time, if that comes first.
 * @throws {Overload} (rejects) if so many questions are under way that this one could not begin in time.
 */
export async function askHost(address: string, timeoutMs: number): Promise<HostNameFacts> {
  const known = kept.recall(address);
  if (known !== undefined) return known;
  const question = questions.get(address) ?? openQuestion(address);
  question.asking++;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((done) => {
    timer = setTimeout(done, timeoutMs, 'late');
  });
  try {
    const first = await Promise.race([question.answer, late]);
    return first === 'late' ? giveUp(address, question) : first;
  } finally {
    clearTimeout(timer);
    question.asking--;
  }
}
