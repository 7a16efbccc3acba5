// The command uchroot: reads its arguments, launches in place, and returns an exit status if that fails.
import { writeSync } from 'node:fs';

import { exitStatuses, LaunchError, UsageError } from '../errors.ts';
import { findProblem } from '../launch/tell/preflight.ts';
import { compileLaunch } from '../launch/compile/compile.ts';
import {
  errorLines,
  lookAtFiles,
  planInPlace,
  prepareInPlace,
  reportFailure,
  runInPlace,
  verifyInPlace,
  warningLines,
  type Warning,
} from '../launch/start/exec.ts';
import { EIO } from '../words/errno-numbers.ts';
import { errnoName, reason } from '../words/errno.ts';
import { isInherited } from '../launch/host/caller.ts';
import { bindDangers } from '../launch/host/binds.ts';
import { openCgroup, planCgroup } from '../launch/host/cgroup.ts';
import type { CgroupPlan } from '../launch/host/cgroup-layout.ts';
import type { Launch } from '../launch/plan/launch.ts';
import { needsCgroup } from '../launch/request/limit-rows.ts';
import { inOptions } from '../launch/request/option-row.ts';
import { oneOf } from '../values/validators.ts';
import { inWords, needs, withoutKeys } from '../values/wrong.ts';
import { normalize, type LaunchRequest, type NormalRequest } from '../launch/request/request.ts';
import { rehearse } from '../launch/tell/rehearse.ts';
import { ServiceManager } from '../launch/tell/service-status.ts';
import { planAsJson, planAsText, stepsAsText } from '../launch/tell/plan-output.ts';
import type { Argument } from '../values/command-option.ts';
import { toBuffer } from '../words/quote.ts';
import { readVersion, versionLine } from '../version.ts';
import { attempt } from '../words/system-error.ts';
import { commandArguments, readArguments } from './arguments.ts';
import { forgotten, wordHint } from './mistakes/word-hint.ts';
import { FORMATS, toFormat } from './common-options.ts';
import { foreignOptions } from './mistakes/foreign-options.ts';
import { refuseUnsafe } from './uchroot-check.ts';
import { withImageDefaults } from './image-defaults.ts';
import { completionScript } from './uchroot-completion.ts';
import { examine } from './uchroot-doctor.ts';
import { usage } from './uchroot-help.ts';
import { absolute, commandOptions, keyedOptions, requestKeys, usageLine } from './uchroot-options.ts';
import { makeUnit } from './uchroot-unit.ts';

// Uses fs.writeSync: opening process.stdout would leave the terminal or pipe non-blocking for the program.
function print(fd: number, text: string | Buffer): void {
  for (let rest = toBuffer(text); rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
}

// EPIPE is no failure: the reader, such as head(1), needs no more.
function output(text: string | Buffer): void {
  try {
    print(1, text);
  } catch (error) {
    const { code, errno = -EIO } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') return;
    throw new LaunchError(`standard output: ${reason(-errno)}`, {
      step: 'write',
      code: errnoName(-errno),
      errno: -errno,
      cause: error,
    });
  }
}

// A closed or full stderr must not change the exit status.
const complain = (text: string): void => attempt(() => print(2, text));

const warn = (warning: Warning): void => complain(warningLines(warning));

// Read before the root directory changes: it may need /proc.
const words = commandArguments();

// USER, DIRECTORY, PROGRAM and its arguments, as far as the line could be read.
let operands: readonly Argument[] = [];

// The words of the command, and a hint about the line where it says more than that of the failure.
const rephrase = (error: UsageError | LaunchError): { message: string; hint: string | undefined } => {
  const { message, hint } = error.name === 'UsageError' ? inWords(error, inOptions(keyedOptions())) : error;
  const other = error.name === 'UsageError' ? 'uchroot --help=all lists the options' : undefined;
  return { message, hint: wordHint(words, operands, error) ?? withoutKeys(hint) ?? other };
};

// Returns the exit status of a launch that failed.
type Fail = (error: UsageError | LaunchError) => number;

// A launch with limits needs a cgroup, and the code that looks for its place is loaded only then.
type Place = (limits: NormalRequest) => Promise<CgroupPlan | undefined>;

async function withCgroup(
  request: NormalRequest,
  privileged: boolean,
  place: Place,
  then: (launch: Launch) => number,
): Promise<number> {
  const jail = verifyInPlace(request, warn, privileged);
  return then(planInPlace(request, jail, warn, await place(request)));
}

function showPlan(
  request: NormalRequest,
  form: 'text' | 'json' | 'steps',
  isChecked: boolean,
  fail: Fail,
): number | Promise<number> {
  const show = (launch: Launch): number => {
    lookAtFiles(launch, warn);
    const given = bindDangers(request, launch.account);
    const problem = rehearse(launch) ?? findProblem(launch);
    const isTried = request.rootless || process.geteuid?.() === 0;
    output(
      form === 'json'
        ? planAsJson(launch, problem, given)
        : form === 'steps'
          ? stepsAsText(launch)
          : planAsText(launch, { problem, given, isTried }),
    );
    if (isChecked) refuseUnsafe(launch, complain);
    return tellProblem(problem, fail);
  };
  return needsCgroup(request)
    ? withCgroup(request, false, (limits) => planCgroup(limits), show)
    : show(prepareInPlace(request, warn, false));
}

// The object has the steps in any case.
function planForm(word: string, given: ReadonlyMap<string, Argument>): 'text' | 'json' | 'steps' {
  if (word !== '') oneOf(['steps'])(word as 'steps', '--plan');
  const format = toFormat(given.get('format'), FORMATS);
  return format === 'text' && word !== '' ? 'steps' : format;
}

function tellProblem(problem: LaunchError | undefined, fail: Fail): number {
  if (problem === undefined) return 0;
  complain(errorLines(rephrase(problem)));
  return fail(problem);
}

function compile(request: LaunchRequest, file: Argument, given: ReadonlyMap<string, Argument>): number {
  if (file.bytes.length === 0)
    throw new UsageError('--compile needs the name of a file', { hint: 'is a variable of the shell empty?' });
  compileLaunch(normalize(request), {
    file: absolute(file.bytes),
    architecture: given.get('architecture')?.text,
    anyInode: given.has('any-inode'),
    isService: given.has('service-status') || given.has('unit'),
    version: readVersion(),
    warn,
  });
  return 0;
}

// A unit starts a service again and again, and a compiled launcher has its ids in it.
function refuseAuto(user: string, option: string): void {
  if (/^auto(?::|$)/.test(user))
    throw new UsageError(
      `--${option} and USER auto are given at once: a service has the same id at each start`,
      {
        hint: 'name a user: useradd --system NAME makes one',
      },
    );
}

const connectManager = (): ServiceManager => new ServiceManager(process.env.NOTIFY_SOCKET);

// Compares names, because each bundle has its own copy of these classes.
function isOurs(error: Error): error is UsageError | LaunchError {
  return error.name === 'UsageError' || error.name === 'LaunchError';
}

const serviceStatus = 'service-status';

function run(told: Recipients): number | Promise<number> {
  // Built only if the command line has options.
  const known = words[0]?.text.startsWith('-') === true ? commandOptions() : [];
  const read = readArguments(words, known, () => foreignOptions);
  const { options } = read;
  operands = read.operands;
  const given = new Map(options);
  const help = given.get('help');
  if (help !== undefined) return (output(usage(help.text)), 0);
  if (given.has('version')) return (output(versionLine('uchroot')), 0);
  const shell = given.get('completion');
  if (shell !== undefined) return (output(completionScript(shell)), 0);
  if (given.has('doctor')) return examine(toFormat(given.get('format'), FORMATS), output);
  const isLaunch = !given.has('compile') && !given.has('unit');
  told.manager = given.has(serviceStatus) && isLaunch ? (told.manager ?? connectManager()) : undefined;
  const [user, jail, program, ...args] = operands;
  if (user === undefined || jail === undefined) {
    complain(forgotten(words, operands, usageLine));
    return told.manager?.fail({ message: usageLine }) ?? 1;
  }
  const asked: LaunchRequest = {
    user: user.text,
    jail: absolute(jail.bytes),
    program: program?.bytes,
    args: args.map(({ bytes }) => bytes),
    ...requestKeys(options),
  };
  const request = user.text === '-' ? withImageDefaults(asked) : asked;
  const file = given.get('compile');
  for (const option of ['compile', 'unit']) if (given.has(option)) refuseAuto(String(request.user), option);
  if (file !== undefined && !given.has('unit')) return compile(request, file, given);
  const { statusFd = -1 } = request;
  told.statusFd = Number.isInteger(statusFd) && statusFd >= 0 && isInherited(statusFd) ? statusFd : undefined;
  const { fail } = told;
  if (given.has('unit')) {
    const launcher = file && ((launch: LaunchRequest) => void compile(launch, file, given));
    const { output: text, problem } = makeUnit(options, request, warn, launcher);
    output(text);
    return tellProblem(problem, fail);
  }
  const normal = normalize(request);
  if (given.has('kill-signal') && normal.time === undefined) throw needs('killSignal', 'time', 10);
  const plan = given.get('plan');
  if (plan !== undefined) return showPlan(normal, planForm(plan.text, given), given.has('check'), fail);
  const launch = (prepared: Launch): number => {
    if (given.has('check')) refuseUnsafe(prepared, complain);
    told.manager?.keepFrom(prepared.keptFds);
    return runInPlace(prepared, { fail, rephrase, isService: told.manager !== undefined });
  };
  return needsCgroup(normal)
    ? withCgroup(normal, true, (limits) => openCgroup(limits), launch)
    : launch(prepareInPlace(normal, warn));
}

// The receiver of a failure, besides standard error.
class Recipients {
  // A unit has it as its first word, so that it counts even if another option is wrong.
  manager: ServiceManager | undefined;
  statusFd: number | undefined;

  constructor() {
    this.manager = words[0]?.text === `--${serviceStatus}` ? connectManager() : undefined;
  }

  readonly fail: Fail = (error) => this.manager?.fail(error) ?? error.exitStatus;
}

// The exit status for an error that was thrown.
function tellError(error: unknown, { manager, statusFd, fail }: Recipients): number {
  if (!(error instanceof Error)) throw error;
  if (!isOurs(error)) {
    // A defect of uchroot or of the installation. Node would exit with 1, which means a usage error here.
    complain(`uchroot: ${error.stack ?? error.message}\n`);
    return manager?.fail(error) ?? exitStatuses.failed;
  }
  complain(errorLines(rephrase(error)));
  if (error.name === 'UsageError') complain(`${usageLine}\n`);
  reportFailure(statusFd, error);
  return fail(error);
}

function main(): number | Promise<number> {
  const told = new Recipients();
  try {
    const status = run(told);
    return typeof status === 'number' ? status : status.catch((error: unknown) => tellError(error, told));
  } catch (error) {
    return tellError(error, told);
  }
}

const status = main();
if (typeof status === 'number') process.exitCode = status;
else void status.then((late) => (process.exitCode = late));
