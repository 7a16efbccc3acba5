// A stateful property: programs in jails behave as under child_process, whatever the caller does meanwhile.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { patientMs } from '../support/patience.ts';
import { makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';
import { eventually, plainEnv, processesOf } from '../support/service.ts';
import { library } from '../support/launch/model/library.ts';
import { type Outcome, play } from '../support/launch/model/play.ts';
import { reference } from '../support/launch/model/reference.ts';
import { type Scenario, scenarios } from '../support/launch/model/scenario.ts';

const skip = unlessRoot('cc');
// a run of a chosen length has no limit
t.setTimeout(0);

function compileOriginal(): string {
  const directory = makeDirectory(t);
  const program = join(directory, 'uchroot-original');
  const source = join(import.meta.dirname, '../../../scripts/bench.d/uchroot.c');
  execFileSync('cc', ['-O1', '-o', program, source], { env: { PATH: process.env.PATH } });
  return program;
}

// A user that the C original finds by name and that has no other process.
const [user, uid] = ['games', 5];
const emptyJail = skip === false ? makeJail(t) : '';
const jails = { jail: skip === false ? makeJail(t, 'actor') : '', emptyJail, user };
const right = skip === false ? reference(compileOriginal(), jails) : undefined;

async function hold(scenario: Scenario, is: readonly Outcome[]): Promise<void> {
  const shouldBe = right === undefined ? [] : await play(scenario, right);
  if (JSON.stringify(is) !== JSON.stringify(shouldBe))
    throw new Error(`is ${JSON.stringify(is)}\nand not ${JSON.stringify(shouldBe)}`);
}

interface Playing {
  readonly worker: Worker;
  readonly outcomes: Promise<readonly Outcome[]>;
}

// The worker has loaded its modules: if a worker ends while Node reads a module for it, that file stays open.
async function startWorker(scenario: Scenario): Promise<Playing> {
  const worker = new Worker(join(import.meta.dirname, '../support/fixture/model-worker.js'), {
    workerData: { scenario, jails },
    env: plainEnv(),
    execArgv: [],
  });
  const outcomes = new Promise<readonly Outcome[]>((resolve) =>
    worker.on('message', (message: 'begun' | readonly Outcome[]) => {
      if (message !== 'begun') resolve(message);
    }),
  );
  await once(worker, 'message');
  return { worker, outcomes };
}

/** The targets of this process's descriptors. */
function openDescriptors(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the descriptor of the directory itself
    }
  });
}

/** Tries the same scenarios in each run of the suite; for UCHROOT_MODEL_SECONDS, or with UCHROOT_SEED, others. */
async function tryMany(
  t: Test,
  runs: number,
  property: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  const { UCHROOT_MODEL_SECONDS: seconds, UCHROOT_SEED: given } = process.env;
  const seed = Number(given ?? (seconds === undefined ? 1 : Date.now() % 2 ** 31));
  const before = openDescriptors();
  const result = await fc.check(fc.asyncProperty(scenarios, property), {
    seed,
    timeout: patientMs(20_000),
    ...(seconds === undefined
      ? { numRuns: runs }
      : { numRuns: 1e6, interruptAfterTimeLimit: Number(seconds) * 1000 }),
  });
  const failure = `: ${JSON.stringify(result.counterexample)}: ${String(result.errorInstance)}`;
  t.notOk(result.failed, `UCHROOT_SEED=${seed}, ${result.numRuns} runs${result.failed ? failure : ''}`);
  // a time limit interrupts a scenario whose programs still run
  const isSettled = await eventually(() => openDescriptors().length <= before.length, 20_000);
  t.ok(isSettled, `no descriptor is left over: ${openDescriptors().join(' ')}`);
}

// The first launch opens what stays open for all launches.
t.before(async () => {
  if (skip === false)
    await play(
      [{ do: 'launch', words: ['exit=0'], input: 'null', reusesBuffers: false, awaits: true }],
      library(jails),
    );
});

t.test('output that somebody has begun to read is there after the exit', { skip }, async (t) => {
  const scenario: Scenario = [
    { do: 'launch', words: ['out=one', 'exit=0'], input: 'null', reusesBuffers: false, awaits: true },
    { do: 'readSome', of: 0 },
    { do: 'rest', turns: 20 },
    { do: 'awaitExit', of: 0 },
    { do: 'rest', turns: 20 },
  ];
  await t.resolves(hold(scenario, await play(scenario, library(jails))));
});

t.test('what happens to programs is what happens under child_process', { skip }, async (t) => {
  await tryMany(t, 60, async (scenario) => hold(scenario, await play(scenario, library(jails))));
});

t.test('in a worker too', { skip }, async (t) => {
  await tryMany(t, 15, async (scenario) => {
    const { worker, outcomes } = await startWorker(scenario);
    const is = await outcomes;
    await worker.terminate();
    await hold(scenario, is);
  });
});

t.test('a worker that ends at any moment leaves no program and no descriptor', { skip }, async (t) => {
  await tryMany(t, 20, async (scenario) => {
    const { worker, outcomes } = await startWorker(scenario);
    const delayMs = Math.random() * 40;
    await Promise.race([outcomes, new Promise((resolve) => setTimeout(resolve, delayMs))]);
    await worker.terminate();
    if (!(await eventually(() => processesOf(uid).length === 0)))
      throw new Error(`terminated after ${delayMs} ms, it leaves ${processesOf(uid).join(' ')}`);
  });
});
