// uchroot --compile: a launch as one static executable.
import { lstatSync, readFileSync } from 'node:fs';

import { bytePath, parentPath, pathBytes } from '../../tree/path.ts';
import { LaunchError, UsageError } from '../../errors.ts';
import { compiledLauncherPath, native } from '../../native.ts';
import { fileError } from '../../values/file-error.ts';
import { replaceFile } from '../../values/replaced-file.ts';
import { oneOf } from '../../values/validators.ts';
import { quote } from '../../words/quote.ts';
import { commandLine, shellWord } from '../../words/shell-word.ts';
import { errorCode } from '../../words/system-error.ts';
import type { Account } from '../host/account.ts';
import { findProblem } from '../tell/preflight.ts';
import { judgeDirectory } from '../host/directory.ts';
import type { Caller } from '../host/caller.ts';
import { environmentRules } from '../host/environment.ts';
import { attachPayload, isCompiled } from './executable.ts';
import { encodePayload, machines, type Architecture, type Payload, type RecordedJail } from './payload.ts';
import { recordJail, recordPidFile } from './record.ts';
import { bindDangers, judgeBinds } from '../host/binds.ts';
import { hostQuery } from '../host/account.ts';
import { settle, verify } from '../host/judged-jail.ts';
import { wantedFilter } from '../host/wanted-filter.ts';
import { toLaunch, type Launch } from '../plan/launch.ts';
import { viewOf } from '../tell/jail-view.ts';
import { needsCgroup } from '../request/limit-rows.ts';
import type { NormalRequest } from '../request/request.ts';
import { passingErrnos, serviceStatuses } from '../tell/service-status.ts';
import { compiledHelp, compiledPlan } from './compiled-text.ts';
import { stepWords } from './messages.ts';

export interface CompileOptions {
  /** Absolute path of the file to write. */
  readonly file: Buffer;
  /** `x64` or `arm64`; by default this machine's. */
  readonly architecture: string | undefined;
  /** Accept any directory at the jail's path that has the same owner and the same writers. */
  readonly anyInode: boolean;
  /** Report failures to an init system: --service-status. */
  readonly isService: boolean;
  /** The program starts with SIGPIPE ignored. */
  readonly ignoresPipe?: boolean;
  /** System calls that the filter refuses as well, and its answers to them (SECCOMP_RET_*). */
  readonly refused?: ReadonlyMap<string, number> | undefined;
  /** The output of --version. */
  readonly version: string;
  /** Called for each problem that does not prevent the compilation. */
  readonly warn: (warning: { readonly message: string; readonly hint?: string | undefined }) => void;
}

const toArchitecture = (name: string): Architecture =>
  oneOf(Object.keys(machines) as Architecture[], {
    // the words of dpkg(1) and uname(1)
    foreign: { amd64: 'x64', x86_64: 'x64', 'x86-64': 'x64', aarch64: 'arm64' },
  })(name as Architecture, '--architecture');

function failed(file: Buffer, error: unknown): LaunchError {
  const isMissing = errorCode(error) === 'ENOENT';
  const hint = isMissing ? commandLine('mkdir', '-p', parentPath(bytePath(file))) : undefined;
  return fileError('compile', file, error, hint);
}

function toPayload(
  launch: Launch,
  jail: RecordedJail,
  given: ReturnType<typeof bindDangers>,
  architecture: Architecture,
  options: CompileOptions,
): Payload {
  const { request, account, bytes, steps } = launch;
  const environment = environmentRules({ request, account });
  return {
    architecture,
    anyInode: options.anyInode,
    anyPath: request.insecurePath,
    ...jail,
    environment,
    plan: bytes,
    words: stepWords(steps, viewOf(launch)),
    statusFd: request.statusFd,
    service: options.isService ? { ...serviceStatuses, passingErrnos: passingErrnos() } : undefined,
    pidFile: recordPidFile(account, request, options.warn),
    planText: compiledPlan(launch, jail, environment, options.anyInode, given),
    helpText: compiledHelp(launch),
    versionText: `uchroot ${options.version}\n`,
  };
}

// Only another compiled launcher is replaced. Any other file at this path is a mistake of the user.
function refuseOther(file: Buffer): void {
  let status;
  try {
    status = lstatSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw failed(file, error);
  }
  if (status === undefined || (status.isFile() && isCompiled(readFileSync(file)))) return;
  throw new LaunchError(`compile: ${quote(file)}: is there already, and is no compiled launcher`, {
    step: 'compile',
    code: 'EEXIST',
    path: quote(file),
    hint: status.isDirectory()
      ? `give the name of a file: --compile ${shellWord(bytePath(`${String(file).replace(/\/+$/, '')}/launcher`))}`
      : 'give another name: only a compiled launcher is replaced',
  });
}

function write(file: Buffer, content: Buffer): void {
  try {
    replaceFile(file, content, 0o755);
  } catch (error) {
    throw failed(file, error);
  }
}

// Root will start the file, so a user who can write or replace it can become root.
function warnOfOwner({ file, warn }: CompileOptions, account: Account): void {
  if (process.geteuid?.() !== 0) {
    warn({
      message: `compile: ${quote(file)} belongs to uid ${process.geteuid?.()}, who could replace what root starts`,
      hint: `sudo install -o root -g root -m 0755 ${shellWord(bytePath(file))} /usr/local/sbin   # or another directory of root`,
    });
  }
  const { components, fd } = native.walkPathSync(pathBytes(parentPath(bytePath(file))));
  if (fd >= 0) native.closeDescriptor(fd);
  const way = { components, isHostRoot: false, isParent: true };
  judgeDirectory(way, account, { step: 'compile', title: 'compile', name: 'the launcher' }).forEach(warn);
}

/**
 * Writes an executable that performs exactly this launch, without Node. Needs no privilege.
 *
 * @throws UsageError, LaunchError as for a launch; for the file, step `compile`
 */
export function compileLaunch(request: NormalRequest, options: CompileOptions): void {
  if (request.pty !== undefined)
    throw new UsageError('--compile and --pty are given at once: a compiled launcher becomes its program', {
      hint: 'the command uchroot itself passes on what is typed',
    });
  if (needsCgroup(request))
    throw new UsageError('--compile and --cpu-time with a fraction are given at once: no cgroup counts it', {
      hint: 'give whole seconds: they hold for each process',
    });
  const architecture = toArchitecture(options.architecture ?? process.arch);
  refuseOther(options.file);
  const jail = verify(request, native.readHostSync(hostQuery(request)), false);
  try {
    jail.warnings.forEach(options.warn);
    const { account } = jail;
    const caller: Caller = {
      inPlace: true,
      compiledFor: architecture,
      ignoresPipe: options.ignoresPipe,
      refused: options.refused,
      environment: [],
      pid: 0,
      parentPid: 0,
      newGroup: false,
      joined: [],
      sockets: [],
    };
    const settled = judgeBinds(settle(request, jail), account, options.warn);
    const launch = toLaunch(settled, jail, caller, wantedFilter(settled, account, caller));
    const problem = findProblem(launch);
    if (problem !== undefined) options.warn(problem);
    const given = bindDangers(request, account);
    const payload = toPayload(launch, recordJail(jail.fd, account, request), given, architecture, options);
    const executable = readFileSync(compiledLauncherPath(architecture));
    write(options.file, attachPayload(executable, encodePayload(payload)));
    warnOfOwner(options, account);
  } finally {
    native.closeDescriptor(jail.fd);
  }
}
