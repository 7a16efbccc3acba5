// Random histories of a host, a jail and what is done to both, held against a plain model of what must survive.
// UCHROOT_MODEL_SECONDS=600 looks for longer.

import { chownSync, mkdirSync, writeFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import { JailError, UsageError } from '../../lib/errors.ts';
import { buildJail, type JailReport, updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { dieAt } from '../support/jail/model/death.ts';
import { judgeWork, notTold, type Put } from '../support/jail/model/survival.ts';
import {
  type Act,
  act,
  DATA,
  OWNER,
  readTree,
  ROOTS,
  someAct,
  somePath,
  type Tree,
  withoutLinkOwner,
} from '../support/jail/model/tree.ts';

interface Run {
  readonly run: 'update' | 'build';
  readonly replace: readonly string[];
  /** The change before which it is killed; 0 for not at all. */
  readonly kill: number;
}

type Event = Act | Run;

const someRun: fc.Arbitrary<Run> = fc.record({
  run: fc.constantFrom('update', 'update', 'build'),
  replace: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.tuple(somePath)),
  kill: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 25 })),
});
const history: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: someAct }, { weight: 2, arbitrary: someRun }),
  { minLength: 2, maxLength: 16 },
);

const COPIES = [ROOTS, DATA];

/** The copy of a host in a jail: nobody may write to it but a group that the jail is built for. */
function planOf(host: string): Tree {
  const copied = (line: string): string =>
    withoutLinkOwner(line).replace(/^(\w+) (\d+) (\d+):0\b/, (_, kind: string, mode: string, uid: string) =>
      [kind, (Number.parseInt(mode, 8) & 0o755).toString(8), `${uid}:0`].join(' '),
    );
  return new Map([...readTree(host, COPIES)].map(([path, line]) => [path, copied(line)]));
}

async function live(base: string, events: readonly Event[]): Promise<void> {
  const [host, jail] = [`${base}/host`, `${base}/jail`];
  for (const top of COPIES) {
    mkdirSync(`${host}${top}/a`, { recursive: true });
    for (const name of ['a/x', 'b']) writeFileSync(`${host}${top}/${name}`, 'first');
  }
  for (const name of ['', '/a', '/a/x', '/b']) chownSync(`${host}${DATA}${name}`, OWNER, OWNER);
  const request = { directory: jail, from: host, users: ['nobody'], copies: COPIES };
  await buildJail(request);
  const put: Put = new Map(readTree(jail, COPIES));
  // The paths that a killed run was asked to replace: the next run may complete that.
  let asked: readonly string[] = [];
  let isBegun = false;

  async function runOnce({ run, replace, kill }: Run): Promise<void> {
    const before = readTree(jail, COPIES);
    let report: JailReport | undefined;
    const work = async (): Promise<void> => {
      const made =
        run === 'build' ? buildJail({ ...request, replace }) : updateJail({ directory: jail, replace });
      report = await made;
    };
    let isKilled = false;
    try {
      if (kill > 0) isKilled = await dieAt(kill, work);
      else await work();
    } catch (error) {
      if (!(error instanceof JailError) && !(error instanceof UsageError)) throw error;
    }
    const isDone = report !== undefined && !isKilled;
    const after = readTree(jail, COPIES);
    asked = [...asked, ...replace];
    isBegun ||= !before.has(DATA);
    const done = { before, after, host: planOf(host), put, replace: asked, isBegun, isDone };
    const wrong = judgeWork(done);
    const silent = isDone && report !== undefined ? notTold(done, report.left) : [];
    wrong.push(...silent.map((path) => `${path} differs, and is not told`));
    if (isDone) [asked, isBegun] = [[], false];
    if (wrong.length > 0)
      throw new Error(`after ${JSON.stringify({ run, replace, kill })}:\n${wrong.join('\n')}`);
  }

  for (const event of [...events, { run: 'update', replace: [], kill: 0 } as const]) {
    if ('form' in event) act(event.where === 'host' ? host : jail, event);
    else await runOnce(event);
  }
}

const seconds = Number(process.env['UCHROOT_MODEL_SECONDS'] ?? 0);
const bounds = seconds > 0 ? { numRuns: 1e6, interruptAfterTimeLimit: seconds * 1000 } : { numRuns: 15 };

/** How many histories there were. */
async function check(t: Test): Promise<number> {
  let number = 0;
  const base = makeDirectory(t);
  const property = fc.asyncProperty(history, (events) => {
    const own = `${base}/${number++}`;
    mkdirSync(own, { mode: 0o755 });
    return live(own, events);
  });
  await fc.assert(property, { ...bounds, examples: FOUND.map((events): [readonly Event[]] => [events]) });
  return number;
}

/** Sequences that have failed once. */
const FOUND: readonly (readonly Event[])[] = [
  // a file that comes into a directory of an interrupted run before the next run completes it
  [
    { where: 'host', path: '/opt/lib/a', form: 'file', number: 1 },
    { where: 'jail', path: '/opt/lib', form: 'nothing', number: 0 },
    { run: 'update', replace: [], kill: 10 },
    { where: 'jail', path: '/opt/lib/a', form: 'file', number: 0 },
  ],
  // a link that somebody else owns by now is left
  [
    { where: 'host', path: '/opt/lib/b', form: 'link', number: 0 },
    { run: 'update', replace: [], kill: 0 },
    { where: 'jail', path: '/opt/lib/b', form: 'owner', number: 3 },
    { where: 'host', path: '/opt/lib/b', form: 'file', number: 3 },
    { run: 'update', replace: [], kill: 0 },
  ],
];

t.setTimeout(0);

t.test(
  'nothing of a jail is lost, and nothing untouched is out of date, after any changes to host and jail',
  { skip: unlessRoot() },
  async (t) => {
    t.pass(`for ${await check(t)} histories`);
  },
);
