// Chooses how a service starts in its jail, from its unit, the facts about its host, and the options of the caller: its user, its
// capabilities, its paths, and whether the launcher or systemd enters the jail. Pure.
import type { Account } from '../../launch/host/account.ts';
import { chooseEntry, chooseIdentity, type Entry, type Identity, isSetByManager } from './identity.ts';
import {
  directoryLinks,
  directoryVariables,
  type ExecLine,
  type InstalledService,
  listOf,
} from './installed/installed-service.ts';
import { isConfigurationTest, knownDaemon, knownOf } from './installed/known-daemons.ts';
import { boundPaths, forgeableEnvironment, forgeableLogs, type HostMount } from './installed/unit-mounts.ts';
import { type ServicePath, servicePaths } from './installed/service-paths.ts';
import { outboundFiles } from './outbound-units.ts';
import { expandWords, readEnvironment } from './installed/unit-text.ts';

/** A compiled launcher, or with `systemd` a command line in the jail. */
export interface OwnLine {
  readonly line: ExecLine;
  /** Name of the launcher's file. */
  readonly name: string;
  readonly argv: readonly string[];
}

/** What its jail needs because the service was seen with it. */
export interface Seen {
  /** The accounts of its processes. */
  readonly accounts: readonly string[];
  /** Directories of its sockets, but for those in /run and for temporary ones. */
  readonly socketDirectories: readonly string[];
  /** It makes code while it runs, as a compiler of patterns does. */
  readonly makesCode?: boolean | undefined;
}

/** What the caller has asked for. An update asks for the same again. */
export interface AdoptionOptions {
  readonly user: string | undefined;
  readonly paths: readonly ServicePath[];
  /** Further programs in the jail. */
  readonly programs: readonly string[];
  /** Paths that give the host away are accepted. */
  readonly insecurePath: boolean;
  /** Further accounts that the jail knows. */
  readonly accounts: readonly string[];
  /** Capabilities that the caller gives it, without `cap_`. */
  readonly caps?: readonly string[] | undefined;
  /** What was seen of it when it ran without its jail. */
  readonly seen?: Seen | undefined;
  /** How long it must run after a start; undefined for the usual time. */
  readonly watchMs?: number | undefined;
  /** Without a start beside the running service. Only an adoption has one. */
  readonly noTrial?: boolean | undefined;
  /** Entries of what it may call, in their normal form; empty or undefined: all that the host may. */
  readonly connectTo?: readonly string[] | undefined;
}

/** The contents of the jail, as buildJail() takes them. */
export type JailContents = Readonly<
  Record<'programs' | 'packages' | 'packs' | 'users' | 'copies', readonly string[]>
>;

/** What the host has for a service before there is a jail. */
export interface HostFacts {
  /** Those of its unit and its program. */
  readonly packages: readonly string[];
  /** Their files. */
  readonly packed: readonly string[];
  /** The packages whose directories are its data. */
  readonly owners: readonly string[];
  /** Undefined with DynamicUser=. */
  readonly account: Account | undefined;
  /** The files of EnvironmentFile=, in the order of systemd. */
  readonly environment: readonly EnvironmentFile[];
  readonly contents: JailContents;
  /** What its command lines and its configuration name, and the homes of its accounts. */
  readonly named: readonly HostMount[];
  /** Its configuration asks for chroot(2). */
  readonly asksChroot: boolean;
  /** Directories that its configuration has it serve. */
  readonly served: readonly string[];
  /** All paths that its configuration names. */
  readonly configured: readonly string[];
  /** Paths of ReadWritePaths= that have more in them than a jail may share. */
  readonly coarse: readonly string[];
  /** What its configuration gives it: files of /etc that not everybody may read, and what it includes. */
  readonly keys: readonly string[];
  /** The unit and its drop-ins, without ours. */
  readonly unitText: string;
  readonly isOnHost: (path: string) => boolean;
}

export interface EnvironmentFile {
  readonly path: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly sha256: string;
}

/** What the built jail says about the service. */
export interface JailFacts {
  /** The program compiles code while it runs, so memory must become executable. */
  readonly compilesCode: boolean;
  /** The program writes to the log of the host. */
  readonly usesSyslog: boolean;
  /** Directories of its packages. */
  readonly data: readonly string[];
  /** Paths of /etc: its own, and databases of the whole host such as `/etc/hosts`. */
  readonly configuration: { readonly own: readonly string[]; readonly ofHost: readonly string[] };
}

/** The choices. */
export interface Adoption {
  readonly service: InstalledService;
  readonly identity: Identity;
  readonly account: Account | undefined;
  readonly entry: Entry;
  /** Why the launcher does not enter the jail; undefined if it does. */
  readonly entryReason: string | undefined;
  /** Directory of the jail and the launchers. */
  readonly directory: string;
  readonly paths: readonly ServicePath[];
  /** The lines that run in the jail. */
  readonly own: readonly OwnLine[];
  /** Tests of the configuration, which run in the jail before a restart. */
  readonly checks: readonly (readonly string[])[];
  /** Variables that the unit sets. */
  readonly variables: ReadonlyMap<string, string>;
  readonly jailFacts: Pick<JailFacts, 'compilesCode' | 'usesSyslog'>;
  /** Entries of what it may call; empty: all that the host may. */
  readonly connectTo: readonly string[];
  /** Files of EnvironmentFile= that systemd does not read any more: see forgeableEnvironment(). */
  readonly forgeable: readonly string[];
  /** Files to which systemd does not write its output any more: see forgeableLogs(). */
  readonly forgeableLogs: readonly string[];
  /** Paths of ReadWritePaths= that its jail does not have: see coarsePaths(). */
  readonly coarse: readonly string[];
}

/** The jail of an adoption. */
export const jailOf = (directory: string): string => `${directory}/jail`;

/**
 * The variables of a unit. Those of EnvironmentFile= replace those of Environment=, and these replace those that the service manager
 * gives to each service (systemd.exec(5)).
 */
export function variablesOf(
  { settings, inherited }: InstalledService,
  files: readonly Pick<EnvironmentFile, 'variables'>[],
): ReadonlyMap<string, string> {
  const all = new Map([
    // a launch sets the others itself, or passes them
    ...[...readEnvironment(inherited)].filter(([name]) => !isSetByManager(name)),
    ...readEnvironment(listOf(settings, 'Environment')),
    ...files.flatMap((file) => [...file.variables]),
  ]);
  const taken = listOf(settings, 'UnsetEnvironment');
  return new Map(
    [...all].filter(([name, value]) => !taken.includes(name) && !taken.includes(`${name}=${value}`)),
  );
}

const kindNames: Readonly<Record<ExecLine['kind'], string>> = {
  ExecCondition: 'condition',
  ExecStartPre: 'start-pre',
  ExecStart: 'start',
  ExecStartPost: 'start-post',
  ExecReload: 'reload',
  ExecStop: 'stop',
  ExecStopPost: 'stop-post',
};

/** The lines whose program is the one of ExecStart=. Other programs, such as kill(1), work on the host. */
export function ownLines(
  service: InstalledService,
  variables: ReadonlyMap<string, string>,
): readonly OwnLine[] {
  const { lines } = service;
  const known = new Map([...Object.entries(directoryVariables(service)), ...variables]);
  const start = lines.find(({ kind }) => kind === 'ExecStart');
  return lines
    .filter(({ program, flags }) => program === start?.program && !flags.includes('privileged'))
    .map((line, index) => ({
      line,
      name: line === start ? 'start' : `${kindNames[line.kind]}-${index + 1}`,
      argv: line.flags.includes('no-env-expand') ? line.argv : expandWords(line.argv, known),
    }));
}

/** The tests of the configuration in the unit; without any, the one that is known for this daemon. */
export function checksOf(own: readonly OwnLine[]): readonly (readonly string[])[] {
  const found = own.filter(({ line, argv }) => isConfigurationTest(line, argv)).map(({ argv }) => argv);
  if (found.length > 0) return found;
  const { check } = knownDaemon(own.find(({ name }) => name === 'start')?.line.program ?? '');
  return check === undefined ? [] : [check];
}

// What the service must not change: configuration, web sites, and what systemd keeps.
const isOnlyRead = (path: string): boolean => /^\/(etc|var\/www|run\/systemd)(\/|$)/.test(path);

// A service could put a link at the place in /run of its jail where a path is not mounted now. So a path of /run is always mounted, and
// made at boot, or never. systemd itself makes links and credentials before it mounts.
function lasting(
  { settings }: InstalledService,
  { user, isChosen }: Identity,
  path: ServicePath,
  isOnHost: (path: string) => boolean,
): readonly ServicePath[] {
  const isWriter = user === 'root' || isChosen;
  const ofSystemd = new Set(directoryLinks(settings));
  const isMadeByDaemon =
    path.isOptional && /^\/run\/(?!credentials\/)/.test(path.path) && !ofSystemd.has(path.path);
  if (!isWriter || !isMadeByDaemon) return [path];
  return isOnHost(path.path) ? [{ ...path, isOptional: false, isMadeAtBoot: true }] : [];
}

/** All choices for a service whose jail is in `directory`. */
export function chooseAdoption(
  service: InstalledService,
  options: AdoptionOptions,
  host: HostFacts,
  jail: JailFacts,
  directory: string,
): Adoption {
  const identity = chooseIdentity(service, options);
  const variables = variablesOf(service, host.environment);
  const own = ownLines(service, variables);
  const { connectTo = [], seen } = options;
  const { paths: known = [] } = knownOf(service);
  const namedTo = (use: 'read' | 'write'): readonly string[] =>
    host.named.flatMap(({ path, isReadOnly }) => (isReadOnly === (use === 'read') ? [path] : []));
  const found = {
    data: [
      ...jail.data,
      ...known.filter((path) => !isOnlyRead(path)),
      ...namedTo('write'),
      ...(seen?.socketDirectories ?? []),
    ],
    configuration: [...jail.configuration.own, ...known.filter(isOnlyRead), ...namedTo('read')],
    ofHost: jail.configuration.ofHost,
  };
  const coarse = host.coarse.filter((path) => !options.paths.some((one) => one.path === path));
  const replaced = new Set(connectTo.length > 0 ? outboundFiles.map((name) => `/etc/${name}`) : []);
  const paths = servicePaths(service, found, options.paths)
    .filter(({ path }) => !replaced.has(path) && !coarse.includes(path))
    .flatMap((path) => lasting(service, identity, path, host.isOnHost));
  const bound = boundPaths(service.settings, paths);
  return {
    service,
    identity,
    account: host.account,
    ...chooseEntry(service, identity, paths, variables),
    directory,
    paths,
    own,
    checks: checksOf(own),
    variables,
    jailFacts: { ...jail, compilesCode: jail.compilesCode || seen?.makesCode === true },
    connectTo,
    forgeable: forgeableEnvironment(service.settings, bound, host.isOnHost),
    forgeableLogs: forgeableLogs(service.settings, bound),
    coarse,
  };
}
