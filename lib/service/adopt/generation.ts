// Makes the jail and the launchers of an adoption in a new directory. The running service is not touched.
import { chmodSync, chownSync, existsSync, rmSync, statSync } from 'node:fs';

import { bytePath } from '../../tree/path.ts';
import { JailError, UsageError } from '../../errors.ts';
import { buildJail, type JailReport } from '../../jail/building.ts';
import { readBuilt } from '../../jail/listing.ts';
import { removeJail } from '../../jail/remove.ts';
import type { JailRequest, JailWork } from '../../jail/request/jail-request.ts';
import { throwIfAborted } from '../../jail/work/jail-error.ts';
import { resolveAccount } from '../../launch/tell/dry-run.ts';
import { commandLine } from '../../words/shell-word.ts';
import {
  type Adoption,
  checksOf,
  chooseEntry,
  chooseIdentity,
  jailOf,
  type JailFacts,
  ownLines,
  variablesOf,
} from './adoption.ts';
import { type AdoptionWishes, findRecord, generationAt } from './adoption-record.ts';
import { environmentFiles } from './environment-file.ts';
import { runHost } from './host-command.ts';
import { makeHostDirectory } from './host-file.ts';
import { directoryLinks, type InstalledService, textOf } from './installed/installed-service.ts';
import { knownDaemon } from './installed/known-daemons.ts';
import { configurationOf } from './installed/service-configuration.ts';
import {
  dataIn,
  filesOf,
  ownData,
  packagesOf,
  type ServicePath,
  servicePaths,
} from './installed/service-paths.ts';
import { dangerRefusal, type GivenAway, givenBy, safeData } from './tell/given-away.ts';
import { loginRefusal, pathRefusal, programRefusal, type Refusal } from './tell/service-refusal.ts';
import { toServiceWarning } from './tell/service-warning.ts';
import { directoryRefusal, namedWarnings } from './tell/unmet-path.ts';

export interface Generation {
  readonly adoption: Adoption;
  readonly report: JailReport;
  /** Paths that it gives away, since the caller accepts that. */
  readonly given: readonly GivenAway[];
  readonly warnings: readonly string[];
}

type Work = Pick<JailWork, 'signal' | 'onProgress'>;

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

// Accounts that the jail's databases need: the user, those that the configuration is known to name, those that its processes had, and
// those that are called like the daemon.
async function accountsOf(
  service: InstalledService,
  { user }: Adoption['identity'],
  packages: readonly string[],
  seen: readonly string[] = [],
): Promise<readonly string[]> {
  const { accounts = [] } = knownOf(service);
  const program = service.lines.find(({ kind }) => kind === 'ExecStart')?.program.replace(/^.*\//, '') ?? '';
  const likely = [...accounts, ...seen, program, ...packages];
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

/** What is known of an adoption before there is a jail. */
export interface Beginning {
  readonly service: InstalledService;
  readonly wishes: AdoptionWishes;
  readonly identity: Adoption['identity'];
  readonly variables: ReadonlyMap<string, string>;
  /** Those of its unit and its program. */
  readonly packages: readonly string[];
  /** Their files. */
  readonly packed: readonly string[];
  /** The packages whose directories are its data. */
  readonly owners: readonly string[];
  /** Why it may not have one of these paths. */
  readonly dangerOf: (paths: Adoption['paths']) => Refusal | undefined;
  /** The contents of the jail. */
  readonly contents: Required<Pick<JailRequest, 'programs' | 'packages' | 'packs' | 'users'>>;
}

/** @throws UsageError if something is missing on the host */
export async function beginAdoption(service: InstalledService, wishes: AdoptionWishes): Promise<Beginning> {
  const identity = chooseIdentity(service, wishes.user);
  const packages = await packagesOf(service);
  const more = knownOf(service).packages?.(instanceOf(service.unit)) ?? [];
  const packed = await filesOf(packages);
  const variables = variablesOf(service, environmentFiles(service));
  const isAdopted = findRecord(service.unit) !== undefined;
  const dangerOf = (paths: Adoption['paths']): Refusal | undefined =>
    dangerRefusal(service.unit, wishes, givenBy(service, packed, paths, variables), isAdopted);
  const refusal =
    missingProgram(service) ??
    programRefusal(service.unit, wishes.programs, kindOfPath) ??
    loginRefusal(service.unit, packed, wishes.paths) ??
    dangerOf(wishes.paths);
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal);
  const contents = {
    programs: [...programsOf(service), ...wishes.programs],
    packages: more,
    // a daemon may name its pid file by /var/run, as memcached does
    packs: ['run'],
    users: await accountsOf(service, identity, packages, wishes.accounts),
  };
  return {
    service,
    wishes,
    identity,
    variables,
    packages,
    packed,
    owners: [...packages, ...more],
    dangerOf,
    contents,
  };
}

/** The adoption with the jail that is in `directory`, and warnings of data that it does not get. */
export async function adoptionIn(
  directory: string,
  begun: Omit<Beginning, 'contents'>,
): Promise<{ readonly adoption: Adoption; readonly warnings: readonly string[] }> {
  const { service, wishes, identity, variables, packages, packed, owners } = begun;
  const { paths: known = [] } = knownOf(service);
  const own = ownLines(service, variables);
  const jail = jailOf(directory);
  const data = safeData(ownData(dataIn(jail), owners, packed));
  const configuration = await configurationOf({ service, own, variables }, packages, packed, jail);
  const found = {
    data: [...data.paths, ...known.filter((path) => !isOnlyRead(path))],
    configuration: [...configuration.own, ...known.filter(isOnlyRead)],
    ofHost: configuration.ofHost,
  };
  const paths = servicePaths(service, found, wishes.paths).flatMap((path) =>
    lasting(service, identity, path),
  );
  const adoption = {
    service,
    identity,
    ...chooseEntry(service, identity, paths, variables),
    directory,
    paths,
    own,
    checks: checksOf(own),
    variables,
    jailFacts: jailFacts(jail),
  };
  return { adoption, warnings: data.warnings };
}

// A service could put a link at the place in /run of its jail where a path is not mounted now. So a path of /run is always mounted, and
// made at boot, or never. systemd itself makes links and credentials before it mounts.
function lasting(
  { settings }: InstalledService,
  { user, isChosen }: Adoption['identity'],
  path: ServicePath,
): readonly ServicePath[] {
  const isWriter = user === 'root' || isChosen;
  const ofSystemd = new Set(directoryLinks(settings));
  const isMadeByDaemon =
    path.isOptional && /^\/run\/(?!credentials\/)/.test(path.path) && !ofSystemd.has(path.path);
  if (!isWriter || !isMadeByDaemon) return [path];
  return existsSync(path.path) ? [{ ...path, isOptional: false, isMadeAtBoot: true }] : [];
}

/** Builds the jail in `directory`, and finds what else the service needs. */
export async function makeGeneration(
  service: InstalledService,
  directory: string,
  wishes: AdoptionWishes,
  work: Work,
): Promise<Generation> {
  // the builder lets everybody write to /run of a jail, so nobody else must get there before that is changed
  makeHostDirectory(directory, 0o700);
  const begun = await beginAdoption(service, wishes);
  const report = await buildJail({ ...work, directory: jailOf(directory), ...begun.contents });
  await closeRun(service, begun.identity, jailOf(directory));
  chmodSync(directory, 0o755);
  throwIfAborted(work.signal); // in the trial of the jail, buildJail does not throw
  const { adoption, warnings: withheld } = await adoptionIn(directory, begun);
  const cwd = await workingDirectory(service, begun.identity);
  const question = {
    ...adoption,
    cwd,
    isInJail: (path: string) => existsSync(`${jailOf(directory)}${path}`),
  };
  const unmet =
    pathRefusal(service.unit, adoption.paths) ?? begun.dangerOf(adoption.paths) ?? directoryRefusal(question);
  if (unmet !== undefined) throw new UsageError(unmet.message, unmet);
  const warnings = report.warningDetails.flatMap((warning) => toServiceWarning(warning, adoption));
  const given = givenBy(service, begun.packed, adoption.paths, begun.variables);
  return { adoption, report, given, warnings: [...withheld, ...warnings, ...namedWarnings(question)] };
}

// Other users of the host must not put links, pid files or sockets there: systemd and programs of root follow them.
async function closeRun(
  { settings }: InstalledService,
  { user, isChosen }: Adoption['identity'],
  jail: string,
): Promise<void> {
  const run = `${jail}/run`;
  if (!existsSync(run)) return;
  chmodSync(run, 0o755);
  // without a jail, root of the host writes the pid file
  const isWriter = isChosen && /^(\/var)?\/run\/[^/]+$/.test(textOf(settings, 'PIDFile'));
  if (isWriter) chownSync(run, (await resolveAccount({ user })).uid, 0);
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
