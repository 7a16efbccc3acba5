// Makes the jail and the launchers of an adoption in a new directory. The running service is not touched.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';

import { expandPattern } from '../../binary/loader-conf.ts';
import { bytePath, pathBytes } from '../../binary/path.ts';
import { openFileRoot } from '../../binary/root.ts';
import { JailError, UsageError } from '../../errors.ts';
import { buildJail, type JailReport } from '../../jail/building.ts';
import { readBuilt } from '../../jail/listing.ts';
import { removeJail } from '../../jail/remove.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { throwIfAborted } from '../../jail/work/jail-error.ts';
import { compileLaunch } from '../../launch/compile/compile.ts';
import { normalize, type LaunchRequest } from '../../launch/request/request.ts';
import { resolveAccount } from '../../launch/tell/dry-run.ts';
import { commandLine } from '../../shell-word.ts';
import { readVersion } from '../../version.ts';
import {
  type Adoption,
  checksOf,
  chooseEntry,
  chooseIdentity,
  directoryVariables,
  jailOf,
  type JailFacts,
  ownLines,
  variablesOf,
} from './adoption.ts';
import { type AdoptionWishes, generationAt } from './adoption-record.ts';
import { runHost } from './host-command.ts';
import { makeHostDirectory } from './host-file.ts';
import { type InstalledService, limitsOf, listOf, numberOf, textOf } from './installed/installed-service.ts';
import { knownDaemon } from './installed/known-daemons.ts';
import { refusedCalls } from './installed/launcher-calls.ts';
import {
  configurationOf,
  dataOf,
  packagesOf,
  packedConfiguration,
  servicePaths,
} from './installed/service-paths.ts';
import { loginRefusal, pathRefusal, programRefusal, type Refusal } from './tell/service-refusal.ts';
import { toServiceWarning } from './tell/service-warning.ts';
import { readEnvironmentFile } from './installed/unit-text.ts';
import { directoryRefusal, isMounted, namedWarnings } from './tell/unmet-path.ts';

export interface Generation {
  readonly adoption: Adoption;
  readonly report: JailReport;
  readonly warnings: readonly string[];
}

type Work = Pick<JailWork, 'signal' | 'onProgress'>;

/** The variables of each file of EnvironmentFile=, in the order of systemd. @throws UsageError for a file that must be there */
export function environmentFiles({
  unit,
  settings,
}: Pick<InstalledService, 'unit' | 'settings'>): readonly ReadonlyMap<string, string>[] {
  const named = (settings.EnvironmentFiles ?? []) as readonly (readonly [
    pattern: string,
    isOptional: boolean,
  ])[];
  const root = openFileRoot('/');
  try {
    return named.flatMap(([pattern, isOptional]) => {
      const paths = expandPattern(root, bytePath(pattern), Infinity).map(pathBytes);
      const found = paths.filter((path) => existsSync(path));
      if (found.length === 0 && !isOptional)
        throw new UsageError(`${unit} cannot start: ${pattern}, its EnvironmentFile=, is not there`, {
          hint: `make the file; systemctl cat ${unit} shows the unit`,
        });
      return found.map((path) => readEnvironmentFile(readFileSync(path, 'utf8')));
    });
  } finally {
    root.close();
  }
}

// What the service must not change: configuration, web sites, and what systemd keeps.
const isOnlyRead = (path: string): boolean => /^\/(etc|var\/www|run\/systemd)(\/|$)/.test(path);

const knownOf = (service: InstalledService) =>
  knownDaemon(service.lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '');

// The programs of all command lines: if systemd enters the jail, all of them run there.
function programsOf(service: InstalledService): readonly string[] {
  const { programs = [], check = [] } = knownOf(service);
  const lines = service.lines
    .filter(({ flags }) => !flags.includes('privileged'))
    .map(({ program }) => program);
  const known = [...programs, ...check.slice(0, 1)].filter((path) => existsSync(path));
  return [...new Set([...lines, ...known])].filter((path) => existsSync(path));
}

// Accounts that the jail's databases need: the user, those that the configuration is known to name, and those that are called
// like the daemon.
async function accountsOf(
  service: InstalledService,
  { user }: Adoption['identity'],
  packages: readonly string[],
): Promise<readonly string[]> {
  const { accounts = [] } = knownOf(service);
  const program = service.lines.find(({ kind }) => kind === 'ExecStart')?.program.replace(/^.*\//, '') ?? '';
  const likely = [...accounts, program, ...packages];
  const { stdout } = await runHost('getent', ['passwd', ...likely]);
  const found = stdout.split('\n').flatMap((line) => line.split(':', 1)[0] || []);
  const own = user === 'root' || service.settings.DynamicUser === true ? [] : [user];
  return [...new Set([...own, ...found])].filter((name) => name !== 'root');
}

const codeMakers = /\/(libLLVM|libluajit|libjvm|libv8|libmozjs|libmono|libgccjit|node$|ruby|beam\.smp)/;

function jailFacts(jail: string): JailFacts {
  return readBuilt(bytePath(jail), (_, { entries }) => ({
    compilesCode: entries.some(({ path }) => codeMakers.test(path)),
    usesSyslog: entries.some(({ path }) => path === '/dev/log'),
  }));
}

const instanceOf = (unit: string): string => /@(.*)\.service$/.exec(unit)?.[1] ?? '';

/** Builds the jail in `directory`, and finds what else the service needs. */
export async function makeGeneration(
  service: InstalledService,
  directory: string,
  wishes: AdoptionWishes,
  work: Work,
): Promise<Generation> {
  makeHostDirectory(directory);
  const identity = chooseIdentity(service, wishes.user);
  const known = knownOf(service);
  const packages = await packagesOf(service);
  const packed = await packedConfiguration(packages);
  const variables = variablesOf(service, environmentFiles(service));
  const refusal =
    missingProgram(service) ??
    programRefusal(service.unit, wishes.programs, kindOfPath) ??
    loginRefusal(service.unit, packed, wishes.paths);
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal);
  const report = await buildJail({
    ...work,
    directory: jailOf(directory),
    programs: [...programsOf(service), ...wishes.programs],
    packages: known.packages?.(instanceOf(service.unit)) ?? [],
    users: await accountsOf(service, identity, packages),
  });
  throwIfAborted(work.signal); // in the trial of the jail, buildJail does not throw
  const own = ownLines(service, variables);
  const found = {
    data: [...dataOf(jailOf(directory)), ...(known.paths ?? []).filter((path) => !isOnlyRead(path))],
    configuration: [...configurationOf(packed, service), ...(known.paths ?? []).filter(isOnlyRead)],
  };
  const adoption = {
    service,
    identity,
    ...chooseEntry(service, identity),
    directory,
    paths: servicePaths(service, found, wishes.paths),
    own,
    checks: checksOf(own),
    variables,
    jailFacts: jailFacts(jailOf(directory)),
  };
  const cwd = await workingDirectory(service, identity);
  const question = {
    ...adoption,
    cwd,
    isInJail: (path: string) => existsSync(`${jailOf(directory)}${path}`),
  };
  const unmet = pathRefusal(service.unit, adoption.paths) ?? directoryRefusal(question);
  if (unmet !== undefined) throw new UsageError(unmet.message, unmet);
  const warnings = report.warningDetails.flatMap((warning) => toServiceWarning(warning, adoption));
  return { adoption, report, warnings: [...warnings, ...namedWarnings(question)] };
}

// systemd, which enters the jail for `~`, goes to the home of the account (systemd.exec(5), WorkingDirectory=).
async function workingDirectory(
  { settings }: InstalledService,
  { user }: Adoption['identity'],
): Promise<string> {
  const cwd = textOf(settings, 'WorkingDirectory');
  return cwd === '~' ? (await resolveAccount({ user })).home : cwd;
}

function kindOfPath(path: string): 'file' | 'directory' | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory() === true) return 'directory';
  return status?.isFile() === true ? 'file' : undefined;
}

function missingProgram({ unit, lines }: InstalledService): Refusal | undefined {
  const program = lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '';
  return existsSync(program)
    ? undefined
    : {
        message: `${unit} cannot be adopted: the program of its ExecStart=, ${program}, is not installed`,
        hint: `install it, or correct the path: ${commandLine('systemctl', 'edit', '--full', unit)}`,
      };
}

// Variables of systemd that mean the same in a jail (systemd.exec(5)).
const ofSystemd = ['PATH', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID', 'FDSTORE'];

// The launch of one line in the jail.
async function launchOf(adoption: Adoption, argv: readonly string[]): Promise<LaunchRequest> {
  const { service, identity, directory, variables } = adoption;
  const { settings } = service;
  const [argv0 = '', ...args] = argv;
  const own = adoption.own.find((one) => one.argv === argv);
  const program = own?.line.program ?? argv0;
  const more = listOf(settings, 'SupplementaryGroups');
  const identityKeys = {
    user: identity.user,
    ...(identity.group === undefined ? {} : { group: identity.group }),
  };
  const groups = more.length === 0 ? undefined : [...(await resolveAccount(identityKeys)).groups, ...more];
  const cwd = textOf(settings, 'WorkingDirectory');
  return {
    ...identityKeys,
    jail: jailOf(directory),
    program,
    args,
    ...(argv0 === program ? {} : { argv0 }),
    ...(groups === undefined ? {} : { groups }),
    ...(identity.user === 'root' ? { allowRoot: true } : {}),
    ...(cwd.startsWith('/') ? { cwd } : {}),
    caps: identity.caps,
    umask: numberOf(settings, 'UMask'),
    rlimits: limitsOf(settings),
    seccomp: 'default',
    // the shell of the account is for people, and rarely in the jail
    env: { SHELL: '/bin/sh', ...directoryVariables(service) },
    passEnv: [...variables.keys(), ...listOf(settings, 'PassEnvironment'), ...ofSystemd],
  };
}

/** Compiles a launcher for each line of the service that runs in the jail, and for each test of its configuration. */
export async function compileLaunchers(adoption: Adoption): Promise<readonly string[]> {
  const { directory, own, checks, service } = adoption;
  const warnings: string[] = [];
  const refused = refusedCalls(service.settings);
  const isCwdMounted = isMounted(adoption, textOf(service.settings, 'WorkingDirectory'));
  const launchers = [
    ...own.map(({ name, argv }) => ({ name, argv })),
    ...checks.map((argv, index) => ({ name: `check-${index + 1}`, argv })),
  ];
  for (const { name, argv } of launchers) {
    compileLaunch(normalize(await launchOf(adoption, argv)), {
      file: Buffer.from(`${directory}/${name}`),
      architecture: undefined,
      anyInode: false,
      isService: true,
      ignoresPipe: service.settings.IgnoreSIGPIPE !== false,
      refused: refused.size === 0 ? undefined : refused,
      version: readVersion(),
      // what is mounted there is not in the jail yet
      warn: (warning) => {
        if (!('step' in warning && warning.step === 'chdir' && isCwdMounted)) warnings.push(warning.message);
      },
    });
  }
  return warnings;
}

/** Removes a generation that no service uses. @throws JailError EBUSY if a process still runs in it */
export async function removeGeneration(directory: string): Promise<void> {
  try {
    if (existsSync(`${jailOf(directory)}/.uchroot`)) await removeJail({ directory: jailOf(directory) });
  } catch (error) {
    // a build that was interrupted: nothing has run in it yet
    if (!(error instanceof JailError && error.code === 'ERR_NO_MANIFEST')) throw error;
  }
  rmSync(directory, { recursive: true, force: true });
}

/** Removes the jails that a service used before, and those of interrupted runs. @returns a warning for each that is in use */
export async function removeOld(unit: string, generations: readonly number[]): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const generation of generations) {
    try {
      await removeGeneration(generationAt(unit, generation));
    } catch (error) {
      if (!(error instanceof JailError && error.code === 'EBUSY')) throw error;
      warnings.push(`${error.message}; the next update removes it`);
    }
  }
  return warnings;
}
