// Carries out the steps of a plan.

import { JailError } from '../../errors.ts';
import { compileLaunch } from '../../launch/compile/compile.ts';
import { normalize } from '../../launch/request/request.ts';
import { readVersion } from '../../version.ts';
import { jailOf } from './adoption.ts';
import { presentDropIn, putDropIn } from './systemd-bus.ts';
import { removeGeneration } from './generation.ts';
import { runHost } from './host-command.ts';
import { syncFileSystem } from './host-file.ts';
import { keepConfiguration } from './kept/kept-configuration.ts';
import type { Launcher } from './launchers.ts';
import { putOutbound } from './outbound.ts';
import { outboundOf, type ServiceStep } from './adoption-plan.ts';
import {
  type AdoptionRecord,
  beginChange,
  commitRecord,
  dropStaged,
  endChange,
  findRecord,
  forgetService,
  generationAt,
  generationsOf,
  stageRecord,
} from './adoption-record.ts';
import { followDropIn, forgetLinks, linkRunFiles, makeAtBoot } from './run-links.ts';
import { lastFailure, restart, withStarted, wordsOfRun } from './running.ts';
import type { Comparison } from './seen/comparison.ts';
import { isTaken } from './service-drop-in.ts';
import { readService } from './systemd-bus.ts';
import type { Known } from './tell/remedy.ts';
import type { Trial } from './trial.ts';
import { carryOutTrial } from './trial-run.ts';
import { type Change, undo } from './undo.ts';

/** What the steps of a plan work on. */
export interface Run {
  readonly unit: string;
  readonly isActive: boolean;
  readonly signal: AbortSignal | undefined;
  /** The record of an adoption or an update. */
  readonly record?: AdoptionRecord;
  /** Only if a service that runs is adopted. */
  readonly comparison?: Comparison | undefined;
  /** Paths of the host that the service names, and that are not in its jail. */
  readonly unseen?: readonly string[];
}

/**
 * Carries the steps out in their order. If one fails, the service is put back: undo().
 * @returns warnings
 * @throws AbortError, or the error of the step: the drop-in and the service are then as before; JailError ERR_SERVICE if a test fails, or
 * the service does not come up
 */
export async function carryOut(steps: readonly ServiceStep[], run: Run): Promise<readonly string[]> {
  const { unit, isActive, signal } = run;
  const warnings: string[] = [];
  let change: Change | undefined;
  try {
    for (const step of steps) {
      if (step.op === 'drop-in') {
        const before = { dropIn: presentDropIn(unit), isActive };
        const watchMs = steps.find((one) => one.op === 'start')?.watchMs;
        beginChange(unit, before);
        change = { unit, before, text: step.text, watch: { watchMs, signal }, known: knownIn(run) };
      }
      warnings.push(...((await perform(step, run)) ?? []));
      if (step.op === 'commit') change = undefined;
    }
  } catch (error) {
    dropStaged(unit);
    const told = change === undefined ? (error as Error) : await undo(change, error as Error);
    // what the record says, after a commit too
    if (steps.some(({ op }) => op === 'outbound'))
      await putOutbound(unit, outboundOf(findRecord(unit)?.plan));
    throw told;
  }
  return warnings;
}

const knownIn = ({ record, unseen = [] }: Run): Known => ({ caps: record?.plan.caps ?? [], unseen });

// What a step works on. A plan with the step has it.
function given<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new Error('the plan has a step without what it works on');
}

// @returns warnings
async function perform(step: ServiceStep, run: Run): Promise<readonly string[] | void> {
  const { unit, isActive, record, comparison, signal } = run;
  switch (step.op) {
    case 'compile':
      return compile(step);
    case 'test':
      return test(unit, step, signal);
    case 'trial':
      return tryBeside(step, run);
    case 'outbound':
      return putOutbound(unit, step.units);
    case 'look':
      return given(comparison).lookAgain();
    case 'stage':
      return stage(given(record));
    case 'drop-in':
      return replaceDropIn(unit, step.text);
    case 'start':
      return start(unit, { watchMs: step.watchMs, signal });
    case 'compare':
      return given(comparison).judge(given(record).plan.directory, step.withUsers);
    case 'make-at-boot':
      return makeAtBoot(unit, step.paths);
    case 'link':
      return linkRunFiles(unit, jailOf(given(record).plan.directory), given(comparison).known());
    case 'commit':
      if (record !== undefined) commitRecord(unit);
      return endChange(unit);
    case 'keep':
      return keepConfiguration(given(record), isActive ? 'start' : 'none');
    case 'remove':
      await putOutbound(unit, []);
      for (const number of generationsOf(unit)) await removeGeneration(generationAt(unit, number));
      forgetLinks(unit);
      return forgetService(unit);
    default:
      return step satisfies never;
  }
}

function compile({ file, request, refused, ignoresPipe, isCwdMounted }: Launcher): readonly string[] {
  const warnings: string[] = [];
  compileLaunch(normalize(request), {
    file: Buffer.from(file),
    architecture: undefined,
    anyInode: false,
    isService: true,
    ignoresPipe,
    refused: refused.length === 0 ? undefined : new Map(refused),
    version: readVersion(),
    warn: (warning) => {
      if (!('step' in warning && warning.step === 'chdir' && isCwdMounted)) warnings.push(warning.message);
    },
  });
  return warnings;
}

// Runs a test as a unit, to its end.
async function test(
  unit: string,
  { words, text }: Extract<ServiceStep, { readonly op: 'test' }>,
  signal: AbortSignal | undefined,
): Promise<void> {
  await withStarted('check', text, '', signal, async (name, { status, stderr }) => {
    if (status === 0) return;
    const failure = (await wordsOfRun(name)) || (await lastFailure(name)) || stderr.trim();
    throw new JailError(`${unit}: the test of its configuration fails: ${failure}`, {
      code: 'ERR_SERVICE',
      hint: `the test is: ${words}`,
    });
  });
}

// Only what could not be known before is worth a warning.
async function tryBeside(trial: Trial, run: Run): Promise<readonly string[]> {
  const reason = await carryOutTrial(run.unit, trial, knownIn(run), run.signal);
  return reason === undefined || reason === trial.reason
    ? []
    : [`it was not tried beside the running service: ${reason}`];
}

function stage(record: AdoptionRecord): void {
  stageRecord(record);
  // the drop-in must not outlast a loss of power without the jail
  syncFileSystem(record.plan.directory);
}

async function replaceDropIn(unit: string, text: string | undefined): Promise<void> {
  const isNew = text !== undefined && text !== presentDropIn(unit);
  await putDropIn(unit, text);
  // systemd goes on with the unit as it was if a line of a drop-in is wrong, and the service would run without its jail
  if (isNew && !isTaken(text, await readService(unit))) {
    const { stderr } = await runHost('systemd-analyze', ['verify', unit]);
    const reason = stderr.split('\n').find((line) => line.includes('/uchroot.conf:'));
    throw new JailError(
      `systemd does not use the drop-in of ${unit}${reason === undefined ? '' : `: ${reason}`}`,
      { code: 'ERR_SERVICE' },
    );
  }
  followDropIn(unit, text); // a service without its jail must not write through links into it
}

async function start(unit: string, watch: Parameters<typeof restart>[1]): Promise<void> {
  const failure = await restart(unit, watch);
  if (failure !== undefined) throw new JailError(failure, { code: 'ERR_SERVICE' });
}
