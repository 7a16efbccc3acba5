// The name of a host by its address: the reverse name must lead back to the address (hosts_access(5), PARANOID). One
// question serves all who ask at a time, answers are kept for some seconds, and a network has only its share of the
// questions.

import { type HostNameFacts, native } from '../../native.ts';
import { Semaphore } from '../../values/semaphore.ts';
import { PARANOID, UNKNOWN } from '../connection/request-info.ts';
import { parseQuad, parseWords, shareOf, unmapAddress } from '../../values/address.ts';
import { AnswerCache } from './answer-cache.ts';
import { type Answered, Overload } from './resolver.ts';

/** A question whose askers have given up keeps its permit until the resolver gives up too. */
const running = new Semaphore({ most: 64, share: 8 });

/** A question about one address. */
interface Question {
  /** The facts so far; undefined while the question waits. */
  latest: HostNameFacts | undefined;
  /** How many wait for the answer. */
  asking: number;
  readonly answer: Promise<HostNameFacts>;
  /** Leaves the queue. */
  leave: (() => void) | undefined;
}

const answers = new AnswerCache<HostNameFacts>(4096);
const questions = new Map<string, Question>();

function openQuestion(address: string): Question {
  const share = shareOf(address);
  let resolve: (facts: HostNameFacts) => void;
  let reject: (why: Overload) => void;
  const answer = new Promise<HostNameFacts>((done, fail) => {
    [resolve, reject] = [done, fail];
  });
  // nobody may be waiting any more
  answer.catch(() => undefined);
  const question: Question = { latest: undefined, asking: 0, answer, leave: undefined };
  questions.set(address, question);
  const end = (): void => {
    questions.delete(address);
    running.release(share);
  };
  question.leave = running.enter(share, () => {
    question.latest = { isLast: false, reverseError: 'no answer in time' };
    try {
      native.lookUpHost(address, (facts) => {
        question.latest = facts;
        if (!facts.isLast) return;
        answers.set(address, facts);
        end();
        resolve(facts);
      });
    } catch (error) {
      // no thread could be started
      end();
      reject(new Overload(`a name cannot be looked up: ${(error as Error).message}`));
    }
  });
  return question;
}

// The time is over: what is known so far counts. A name that is not verified is not trusted.
function giveUp(address: string, question: Question): HostNameFacts {
  if (question.latest !== undefined) return question.latest;
  if (question.asking === 1) {
    question.leave?.();
    questions.delete(address);
  }
  throw new Overload('too many names are being looked up');
}

/**
 * The facts about an address; what is known so far when the time is over.
 * @throws {Overload} (rejects) if too many questions run, so that this one could not start in time.
 */
async function askHost(address: string, timeoutMs: number): Promise<HostNameFacts> {
  const known = answers.get(address);
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

/**
 * Judges a name as libwrap does: `paranoid` if it is a numeric address, leads to no address or not back to this one, or
 * is not canonical, such as an alias (CNAME). Only `localhost` may be an alias.
 */
export function judgeName(address: string, facts: HostNameFacts): Answered<string> {
  const errors = [facts.reverseError, facts.forwardError];
  const isTemporary = !facts.isLast || errors.some((error) => /^temporary failure/i.test(error ?? ''));
  if (facts.name === undefined) return { value: UNKNOWN, problem: facts.reverseError, isTemporary };
  const name = facts.name.toString('latin1');
  const problem = whyParanoid(name, address, facts);
  return problem === undefined ? { value: name } : { value: PARANOID, problem, isTemporary };
}

function whyParanoid(name: string, address: string, facts: HostNameFacts): string | undefined {
  if (facts.isNumeric === true) return `host name/name mismatch: reverse lookup results in non-FQDN ${name}`;
  if (!facts.isLast) return `can't verify hostname: no answer in time for ${name}`;
  if (facts.forwardError !== undefined) return `can't verify hostname: ${name}: ${facts.forwardError}`;
  const canonical = facts.canonical?.toString('latin1') ?? '';
  if (![canonical.toLowerCase(), 'localhost'].includes(name.toLowerCase()))
    return `host name/name mismatch: ${name} != ${canonical}`;
  if (facts.hasAddress === true) return undefined;
  return `host name/address mismatch: ${address} is not among the addresses of ${name}`;
}

/**
 * Looks up the name of an address with the system's resolver, /etc/hosts included; a mapped address counts as IPv4.
 * `unknown` if there is no name, or no answer in time.
 * @throws {Overload} (rejects) if too many look-ups run, so that this one could not start in time.
 */
export async function lookUpName(address: string, timeoutMs: number): Promise<Answered<string>> {
  const plain = unmapAddress(address);
  const isAddress = parseQuad(plain) !== undefined || parseWords(plain.split('%', 1)[0] ?? '') !== undefined;
  if (!isAddress) return { value: UNKNOWN, problem: 'no address' };
  return judgeName(plain, await askHost(plain, timeoutMs));
}
