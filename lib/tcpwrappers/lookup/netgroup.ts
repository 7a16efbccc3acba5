// The hosts of a netgroup, by getent(1): Node has no call for them, and the system knows where they are kept.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';

import type { Netgroup } from '../request/answer.ts';
import type { Answered } from './lookup.ts';

const PROGRAM = ['/usr/bin/getent', '/bin/getent'].find((path) => existsSync(path));

/** getent(1): no such key. */
const NOT_FOUND = 2;
const MAX_OUTPUT_BYTES = 16 << 20;

/** Whether netgroups can be looked up here. */
export function hasNetgroups(): boolean {
  return PROGRAM !== undefined;
}

/**
 * The hosts of a netgroup as getent(1) prints it: its name, and `(host,user,domain)` any number of times. An empty host
 * stands for any, and `-` for none (netgroup(5)).
 */
export function parseNetgroup(text: string): Netgroup {
  const hosts: (string | undefined)[] = [];
  for (const [, field = ''] of text.matchAll(/\(([^,)]*),[^)]*\)/g)) {
    const host = field.trim();
    if (host !== '-') hosts.push(host === '' ? undefined : host);
  }
  return hosts;
}

/** Looks a netgroup up; one that is not there has no hosts. Never rejects. */
export function lookUpNetgroup(group: string, timeoutMs: number): Promise<Answered<Netgroup | undefined>> {
  const name = Buffer.from(group, 'latin1').toString('utf8');
  if (PROGRAM === undefined) return Promise.resolve({ value: undefined, problem: 'there is no getent' });
  // an argument is UTF-8 to Node
  if (name.includes('\ufffd')) return Promise.resolve({ value: undefined, problem: 'its name is no UTF-8' });
  const options = { timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES, encoding: 'latin1' } as const;
  return new Promise((done) => {
    execFile(PROGRAM, ['netgroup', '--', name], options, (error, stdout) => {
      if (error === null) done({ value: parseNetgroup(stdout) });
      else if (error.code === NOT_FOUND) done({ value: [] });
      else
        done({
          value: undefined,
          problem: `getent netgroup: ${error.killed === true ? 'no answer in time' : error.message}`,
        });
    });
  });
}
