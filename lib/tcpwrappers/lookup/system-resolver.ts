// Look-ups by the system: its resolver, its account databases, getent(1) for netgroups, files, and RFC 1413.

import { existsSync } from 'node:fs';

import { environmentWith, type PlainProcess, startPlain } from '../../launch/start/host-program.ts';
import { native } from '../../native.ts';
import type { Netgroup } from '../connection/need.ts';
import { readFileText } from '../file/host-files.ts';
import { AnswerCache } from './answer-cache.ts';
import { lookUpName } from './host-name.ts';
import { askUser } from './ident.ts';
import type { Answered, Resolver } from './resolver.ts';

/** Whether a network interface has this name, one byte a character (if_nametoindex(3)). */
export const hasInterface = (name: string): boolean => native.hasInterface(Buffer.from(name, 'latin1'));

/**
 * On a worker thread, because NSS may ask the network. Never rejects; a database that cannot be read has no such
 * account.
 */
async function lookUpAccount(database: 'user' | 'group', name: string): Promise<Answered<boolean>> {
  const bytes = Buffer.from(name, 'latin1');
  if (database === 'user') {
    const { passwd } = await native.readHost({ user: bytes });
    const isFound = typeof passwd === 'object' && passwd !== null;
    return { value: isFound, problem: typeof passwd === 'number' ? `errno ${passwd}` : undefined };
  }
  const { named } = await native.readHost({ groupNames: [bytes] });
  return { value: named[0]?.gid !== undefined, problem: undefined };
}

const PROGRAM = ['/usr/bin/getent', '/bin/getent'].find((path) => existsSync(path));

/** getent(1): no such key. */
const NOT_FOUND = 2;
const MAX_OUTPUT_BYTES = 16 << 20;
/** The addon's numbers for /dev/null and a pipe. */
const NULL = -1;
const PIPE = -2;

/** Whether netgroups can be looked up. */
export const hasNetgroups = (): boolean => PROGRAM !== undefined;

/**
 * Parses what getent(1) prints: the name, then `(host,user,domain)` any number of times. An empty host stands for any
 * host, `-` for none (netgroup(5)).
 */
export function parseNetgroup(text: string): Netgroup {
  const hosts: (string | undefined)[] = [];
  for (const [, field = ''] of text.matchAll(/\(([^,)]*),[^)]*\)/g)) {
    const host = field.trim();
    if (host !== '-') hosts.push(host === '' ? undefined : host);
  }
  return hosts;
}

async function readOutput(child: PlainProcess): Promise<string> {
  let text = '';
  for await (const part of child.output() as AsyncIterable<Buffer>) {
    text += part.toString('latin1');
    if (text.length <= MAX_OUTPUT_BYTES) continue;
    child.killGroup();
    throw new Error('it has too many hosts');
  }
  return text;
}

type FoundNetgroup = Answered<Netgroup | undefined>;

async function askGetent(program: string, group: string, timeoutMs: number): Promise<FoundNetgroup> {
  const argv = ['getent', 'netgroup', '--', group].map((word) => Buffer.from(word, 'latin1'));
  const stdio = [NULL, PIPE, NULL] as const;
  const child = startPlain({ program: Buffer.from(program), argv, env: environmentWith(), stdio });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.killGroup();
  }, timeoutMs);
  try {
    await child.started;
    const [text, { exitCode }] = await Promise.all([readOutput(child), child.ended]);
    if (exitCode === 0) return { value: parseNetgroup(text) };
    if (exitCode === NOT_FOUND) return { value: [] };
    throw new Error(isLate ? 'no answer in time' : `it has failed (${exitCode ?? 'killed'})`);
  } catch (error) {
    return { value: undefined, problem: `getent netgroup: ${(error as Error).message}`, isTemporary: true };
  } finally {
    clearTimeout(timer);
  }
}

const answers = new AnswerCache<FoundNetgroup>(64);
const asking = new Map<string, Promise<FoundNetgroup>>();

/**
 * Looks up a netgroup, once for all who ask at a time; the answer is kept for some seconds. A netgroup that does not
 * exist has no hosts. Never rejects.
 */
export async function lookUpNetgroup(group: string, timeoutMs: number): Promise<FoundNetgroup> {
  if (PROGRAM === undefined) return { value: undefined, problem: 'there is no getent' };
  const known = answers.get(group);
  if (known !== undefined) return known;
  const question = asking.get(group) ?? askGetent(PROGRAM, group, timeoutMs);
  asking.set(group, question);
  const answer = await question;
  if (asking.get(group) === question) asking.delete(group);
  if (answer.value !== undefined) answers.set(group, answer);
  return answer;
}

const NOT_READ = {
  directory: 'it is a directory',
  large: 'it is too large',
  special: 'it is not a regular file',
};

function readBanner(path: string): Answered<string | undefined> {
  const found = readFileText(Buffer.from(path, 'latin1'));
  if (found.kind === 'text') return { value: found.text };
  // a daemon without a banner file is normal
  if (found.kind === 'absent') return { value: undefined };
  return {
    value: undefined,
    problem: `cannot be read: ${found.kind === 'unreadable' ? found.code : NOT_READ[found.kind]}`,
    isTemporary: true,
  };
}

/** A resolver with a time limit for names and netgroups. */
export function systemResolver(nameTimeoutMs: number): Resolver {
  return {
    name: (address) => lookUpName(address, nameTimeoutMs),
    user: askUser,
    netgroup: (group) => lookUpNetgroup(group, nameTimeoutMs),
    account: lookUpAccount,
    banner: (path) => Promise.resolve(readBanner(path)),
  };
}
