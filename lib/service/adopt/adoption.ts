// Decides how a service starts in its jail: its user, its capabilities, its paths, and whether the launcher or systemd enters the jail.
// Pure.
import { isWithin } from '../../tree/path.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { isConfigurationTest } from './installed/configuration-test.ts';
import {
  type ExecLine,
  hasCredentials,
  type InstalledService,
  listOf,
  numberOf,
  ownDirectories,
  textOf,
} from './installed/installed-service.ts';
import { knownDaemon } from './installed/known-daemons.ts';
import type { ServicePath } from './installed/service-paths.ts';
import { isSetByManager, launcherRefusal } from './tell/service-refusal.ts';
import { boundPaths, replaceablePlace } from './installed/unit-mounts.ts';
import { expandWords, readEnvironment } from './installed/unit-text.ts';

/** Who enters the jail: the compiled launcher by chroot(2), or systemd by RootDirectory=. */
export type Entry = 'launcher' | 'systemd';

/** The user of the service, and the capabilities that it keeps. */
export interface Identity {
  /** `root`, or an account. */
  readonly user: string;
  readonly group: string | undefined;
  /** The unit starts it as root, and this is not root. */
  readonly isChosen: boolean;
  /** Names without `cap_`. */
  readonly caps: readonly string[];
  /** The choice in one sentence. */
  readonly reason: string;
}

/** A compiled launcher, or with `systemd` a command line in the jail. */
export interface OwnLine {
  readonly line: ExecLine;
  /** Name of the launcher's file. */
  readonly name: string;
  readonly argv: readonly string[];
}

export interface Adoption {
  readonly service: InstalledService;
  readonly identity: Identity;
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
  readonly jailFacts: JailFacts;
}

/** What the built jail says about the program. */
export interface JailFacts {
  /** The program compiles code while it runs, so memory must become executable. */
  readonly compilesCode: boolean;
  /** The program writes to the log of the host. */
  readonly usesSyslog: boolean;
}

/** The jail of an adoption. */
export const jailOf = (directory: string): string => `${directory}/jail`;

const has = (mask: number, capability: number): boolean =>
  // a set with all bits is more than a float holds exactly
  mask >= 2 ** 53 || Math.floor(mask / 2 ** capability) % 2 === 1;

const capsIn = (mask: number): readonly string[] => capabilityNames.filter((_, number) => has(mask, number));

/** The user that a service starts as. `wanted` is an account that the caller has named. */
export function chooseIdentity({ settings, lines }: InstalledService, wanted?: string): Identity {
  const user = textOf(settings, 'User');
  const group = textOf(settings, 'Group') || undefined;
  const ambient = capsIn(numberOf(settings, 'AmbientCapabilities'));
  const bounding = capsIn(numberOf(settings, 'CapabilityBoundingSet'));
  if (user !== '' && user !== 'root' && user !== '0')
    return { user, group, isChosen: false, caps: ambient, reason: `User=${user}` };
  const known = knownDaemon(lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '');
  const chosen = wanted ?? known.user ?? 'root';
  const isRoot = chosen === 'root';
  const needed = isRoot && known.user !== undefined ? knownDaemon('').caps : known.caps;
  const used = !isRoot && known.user === undefined ? ['net_bind_service'] : needed;
  const caps = used.filter((cap) => bounding.includes(cap));
  const words = caps.length === 0 ? 'no capability' : caps.map((cap) => `CAP_${cap.toUpperCase()}`).join(' ');
  return {
    user: chosen,
    group: isRoot ? group : undefined,
    isChosen: !isRoot,
    caps,
    reason: isRoot
      ? `the unit starts it as root: root of the jail, with ${words}`
      : `the unit starts it as root: ${chosen} from the first instruction on, with ${words}`,
  };
}

/**
 * The variables of a unit. Those of EnvironmentFile= replace those of Environment=, and these replace those that the service manager
 * gives to each service (systemd.exec(5)).
 */
export function variablesOf(
  { settings, inherited }: InstalledService,
  files: readonly ReadonlyMap<string, string>[],
): ReadonlyMap<string, string> {
  const all = new Map([
    // a launch sets the others itself, or passes them
    ...[...readEnvironment(inherited)].filter(([name]) => !isSetByManager(name)),
    ...readEnvironment(listOf(settings, 'Environment')),
    ...files.flatMap((file) => [...file]),
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

/**
 * The paths in these lines that lie in a directory which the service can write. It could put a link there, which a line that runs on the
 * host as root would follow.
 */
export function followedPaths(
  service: InstalledService,
  lines: readonly ExecLine[],
  written: readonly string[],
  variables: ReadonlyMap<string, string>,
): readonly string[] {
  const known = new Map([...Object.entries(directoryVariables(service)), ...variables]);
  const words = lines.flatMap(({ program, argv }) => [program, ...expandWords(argv, known)]);
  const named = words.flatMap((word) => word.match(/\/[^\s'"`;:,|&<>(){}]+/g) ?? []);
  return named.filter((path) => written.some((top) => path !== top && isWithin(path, top)));
}

/** Who enters the jail, by the settings of the unit. */
export function chooseEntry(
  service: InstalledService,
  { caps, user, isChosen }: Identity,
  paths: readonly ServicePath[] = [],
  variables: ReadonlyMap<string, string> = new Map(),
): Pick<Adoption, 'entry' | 'entryReason'> {
  const bound = boundPaths(service.settings, paths).filter(({ isReadOnly }) => !isReadOnly);
  const written = bound.map(({ path }) => path);
  const place = replaceablePlace(service.settings, written);
  const start = service.lines.find(({ kind }) => kind === 'ExecStart');
  const ofOthers = service.lines.filter(({ program }) => program !== start?.program);
  const [followed] = isChosen || user === 'root' ? followedPaths(service, ofOthers, written, variables) : [];
  const entryReason =
    launcherRefusal(service, caps) ??
    (place === undefined ? undefined : `its unit mounts ${place}, where the service could put a link`) ??
    (followed === undefined
      ? undefined
      : `root would use ${followed} on the host, where the service could put a link`);
  return { entry: entryReason === undefined ? 'launcher' : 'systemd', entryReason };
}

/** The variables that hold directories of the service. They have the same paths in the jail. */
export function directoryVariables({ unit, settings }: InstalledService): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...ownDirectories(settings)
      .filter(({ paths }) => paths.length > 0)
      .map(({ variable, paths }) => [variable, paths.join(':')]),
    ...(hasCredentials(settings) ? [['CREDENTIALS_DIRECTORY', `/run/credentials/${unit}`]] : []),
  ]);
}
