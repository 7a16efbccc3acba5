// The drop-in that puts a service of systemd into its jail: systemd.service(5), systemd.exec(5). Pure.
import { isWithin } from '../../tree/path.ts';
import {
  capabilityWords,
  commonCalls,
  commonFamilies,
  commonHardening,
  launcherCalls,
  launcherCaps,
} from '../unit/hardening.ts';
import { type Adoption, jailOf, type OwnLine } from './adoption.ts';
import {
  environmentFiles,
  type ExecKind,
  execKinds,
  type ExecLine,
  filterOf,
  type InstalledService,
  isListed,
  numberOf,
  settingsWithFile,
  textOf,
} from './installed/installed-service.ts';
import { isRoots } from './identity.ts';
import { refusedCalls } from './installed/launcher-calls.ts';
import { isLoneLog } from './installed/service-paths.ts';
import { outboundFiles, outboundLines } from './outbound-units.ts';
import { boundPaths, hostMounts, mountedPlaces, unitMounts } from './installed/unit-mounts.ts';

/** The file beside the vendor's unit. */
export const dropInPath = (unit: string): string => `/etc/systemd/system/${unit}.d/uchroot.conf`;

/** A word of a command line. Variables in it stay variables. */
export function execWord(word: string): string {
  const escaped = word.replaceAll('%', '%%');
  return /^[A-Za-z0-9_./:=,@+${}%-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

const prefixes: readonly (readonly [flag: string, prefix: string])[] = [
  ['ignore-failure', '-'],
  ['no-env-expand', ':'],
  ['privileged', '+'],
  ['no-setuid', '!'],
];

function prefixOf(flags: readonly string[]): string {
  return prefixes.flatMap(([flag, prefix]) => (flags.includes(flag) ? [prefix] : [])).join('');
}

/** Whether systemd would change to another user than root. */
export const isSetByUnit = ({
  service: { settings },
  identity,
}: Pick<Adoption, 'service' | 'identity'>): boolean => identity.user !== 'root' || !isRoots(settings, []);

// The launcher takes the identity itself, so systemd must not: `!` (systemd.service(5), COMMAND LINES).
function launcherLine(adoption: Adoption, { line, name }: OwnLine): string {
  const own = isSetByUnit(adoption) ? ['no-setuid'] : [];
  const kept = line.flags.filter((flag) => flag === 'ignore-failure');
  return `${prefixOf([...kept, ...own])}${adoption.directory}/${name}`;
}

// A line for another program. It runs on the host as before; if it ran as root, it still has all rights of root.
function hostLine({ service, identity }: Adoption, line: ExecLine, moved: (word: string) => string): string {
  const wasRoot = identity.isChosen || isRoots(service.settings, line.flags);
  // systemd takes no line with both `+` and `!`
  const flags = wasRoot ? [...line.flags.filter((flag) => flag !== 'no-setuid'), 'privileged'] : line.flags;
  const [first = line.program, ...rest] = line.argv;
  const named = first === line.program ? [line.program] : [`@${line.program}`, first];
  return `${prefixOf(flags)}${[...named, ...rest].map((word) => execWord(moved(word))).join(' ')}`;
}

// The pid file is written in the jail. Unless its directory is shared with the host, systemd must look for it below the jail.
function pidFileOf({ service, entry, directory, paths }: Adoption): string | undefined {
  const file = textOf(service.settings, 'PIDFile');
  if (file === '' || paths.some(({ path }) => file.startsWith(`${path}/`))) return undefined;
  return entry === 'launcher' ? `${jailOf(directory)}${file}` : '';
}

function execLines(adoption: Adoption): readonly string[] {
  const { service, own, entry } = adoption;
  if (entry === 'systemd') return [];
  const pidFile = textOf(service.settings, 'PIDFile');
  const moved = (word: string): string => (word === pidFile ? (pidFileOf(adoption) ?? word) : word);
  const linesOf = (kind: ExecKind): readonly string[] => {
    const lines = service.lines.filter((line) => line.kind === kind);
    return lines.length === 0
      ? []
      : [
          `${kind}=`,
          ...lines.map((line) => {
            const found = own.find((one) => one.line === line);
            return `${kind}=${found === undefined ? hostLine(adoption, line, moved) : launcherLine(adoption, found)}`;
          }),
        ];
  };
  return execKinds.flatMap(linesOf);
}

// Where a line mounts something.
function placeOf(line: string): string | undefined {
  const [, setting, value = ''] =
    /^(BindPaths|BindReadOnlyPaths|TemporaryFileSystem)=-?(.*)$/.exec(line) ?? [];
  return setting === undefined ? undefined : value.split(':')[setting === 'TemporaryFileSystem' ? 0 : 1];
}

// A service that can write to /run of its jail could replace a directory there, and put a link in its place. systemd would follow the
// link at the next start, and mount at a place of the host. A mount cannot be replaced, so each directory with mounts in it is one.
function closedDirectories(lines: readonly string[], jail: string): readonly string[] {
  const places = new Set(lines.flatMap((line) => placeOf(line) ?? []));
  const tops = [...places].flatMap((place) =>
    place.startsWith(`${jail}/run/`) ? (/^[^/]+(?=\/)/.exec(place.slice(`${jail}/run/`.length)) ?? []) : [],
  );
  return [...new Set(tops)].map((name) => `${jail}/run/${name}`).filter((top) => !places.has(top));
}

// The paths of the host in the jail. systemd mounts them in the mount namespace of the service alone.
function mountLines(adoption: Adoption): readonly string[] {
  const { service, entry, identity, directory, paths, jailFacts } = adoption;
  const jail = jailOf(directory);
  const inJail = (path: string): string => (entry === 'systemd' ? '' : `:${jail}${path}`);
  const binds = boundPaths(service.settings, paths).map(({ path, isReadOnly, isOptional }) => {
    const setting = isReadOnly ? 'BindReadOnlyPaths' : 'BindPaths';
    const named = path.replaceAll('%', '%%');
    return `${setting}=${isOptional ? '-' : ''}${named}${inJail(named)}`;
  });
  if (entry === 'systemd') {
    // lines with all privileges get no mounts: they stay on the host
    const isStartOnly = service.lines.some(({ flags }) => flags.includes('privileged'));
    // systemd's own /run would be one that the host does not see
    const run = identity.user === 'root' ? [`BindPaths=-${jail}/run:/run`] : [];
    return [
      `RootDirectory=${jail}`,
      ...(isStartOnly ? ['RootDirectoryStartOnly=yes'] : []),
      ...run,
      ...binds,
    ];
  }
  const speaks =
    textOf(service.settings, 'Type').startsWith('notify') || numberOf(service.settings, 'WatchdogUSec') > 0;
  const pidFile = pidFileOf(adoption);
  const isExecLimited = isListed(service.settings, 'NoExecPaths');
  const mounts = [
    ...binds,
    ...unitMounts(service.settings, jail),
    ...(speaks ? [`BindReadOnlyPaths=/run/systemd/notify${inJail('/run/systemd/notify')}`] : []),
    ...(jailFacts.usesSyslog
      ? [`BindReadOnlyPaths=-/run/systemd/journal/dev-log${inJail('/run/systemd/journal/dev-log')}`]
      : []),
  ];
  return [
    ...closedDirectories(mounts, jail).map((path) => `TemporaryFileSystem=${path}:ro,mode=0755,nosuid,nodev`),
    ...mounts,
    // /dev/shm: shm_open(3), sem_open(3)
    ...['/tmp', '/var/tmp', '/dev/shm']
      .filter((path) => !paths.some((one) => isWithin(path, one.path)))
      .map((path) => `TemporaryFileSystem=${jail}${path}:rw,mode=1777,nosuid,nodev`),
    // pid files and sockets of daemons that start as root
    ...(identity.user === 'root' ? [`ReadWritePaths=-${jail}/run`] : []),
    ...(pidFile === undefined ? [] : [`ReadWritePaths=${pidFile.slice(0, pidFile.lastIndexOf('/'))}`]),
    ...(isExecLimited ? [`ExecPaths=${directory}`] : []),
  ];
}

/** The paths of the host that the service can write: data, and what its unit binds. */
export function hostWritten({ service: { settings }, paths }: Adoption): readonly string[] {
  const mounts = [...boundPaths(settings, paths), ...hostMounts(settings, '')];
  const written = mounts.filter(({ isReadOnly }) => !isReadOnly).map(({ path }) => path);
  return [...new Set(written)].toSorted();
}

const setsClock = ({ caps }: Adoption['identity']): boolean => caps.includes('sys_time');

// ProtectHome= would hide what is mounted there, if systemd enters the jail. A jail without such a mount has nothing there (systemd.exec(5)).
const isHome = (path: string): boolean => /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);

// Directives that the vendor's unit may already set to a value that is at least as strict.
function hardeningLines({ service, entry, identity, jailFacts, paths }: Adoption): readonly string[] {
  const { settings } = service;
  const own = settings.ProtectHome === 'yes' ? [] : mountedPlaces(settings);
  const seesHome = entry === 'systemd' && [...paths.map(({ path }) => path), ...own].some(isHome);
  // `none` is an empty list of allowed ones
  const families = filterOf(settings, 'RestrictAddressFamilies');
  const allowed = commonFamilies.filter((family) => !families.names.includes(family));
  return [
    ...commonHardening.filter((line) => line !== 'ProtectClock=yes' || !setsClock(identity)),
    `ProtectHome=${seesHome ? 'no' : 'yes'}`,
    ...(settings.PrivateTmp === true ? [] : ['PrivateTmp=yes']),
    ...(jailFacts.compilesCode ? [] : ['MemoryDenyWriteExecute=yes']),
    ...(families.isAllowed
      ? []
      : [
          'RestrictAddressFamilies=',
          `RestrictAddressFamilies=${allowed.length === 0 ? 'none' : allowed.join(' ')}`,
        ]),
    // its user namespace has no capability over the jail
    ...(entry === 'launcher' && settings.PrivateUsers === true ? ['PrivateUsers=no'] : []),
  ];
}

function privilegeLines({ service, entry, identity }: Adoption): readonly string[] {
  const { settings } = service;
  const hasFilter = filterOf(settings, 'SystemCallFilter').names.length > 0;
  // its own filter refuses these to the program, if the unit does
  const own = hasFilter ? [...refusedCalls(settings).keys()].join(' ') : launcherCalls;
  const needed = entry === 'launcher' ? own : identity.caps.includes('sys_chroot') ? 'chroot' : '';
  const caps = entry === 'launcher' ? [...identity.caps, ...launcherCaps] : identity.caps;
  const isAmbient = entry === 'systemd' && identity.user !== 'root' && identity.caps.length > 0;
  return [
    ...(identity.isChosen ? [`User=${identity.user}`] : []),
    'CapabilityBoundingSet=',
    ...(caps.length === 0 ? [] : [`CapabilityBoundingSet=${capabilityWords(caps)}`]),
    'AmbientCapabilities=',
    ...(isAmbient ? [`AmbientCapabilities=${capabilityWords(identity.caps)}`] : []),
    ...(hasFilter ? [] : commonCalls),
    ...(setsClock(identity) ? ['SystemCallFilter=@clock'] : []),
    ...(needed === '' ? [] : [`SystemCallFilter=${needed}`]),
  ];
}

/** The files of EnvironmentFile= that it keeps. */
export const environmentLines = ({ service, forgeable }: Adoption): readonly string[] =>
  environmentFiles(service.settings)
    .filter(([path]) => !forgeable.includes(path))
    .map(([path, isOptional]) => `EnvironmentFile=${isOptional ? '-' : ''}${path}`);

/** The settings that make the surroundings of the service: mounts, identity, hardening. */
export function surroundings(adoption: Adoption): readonly string[] {
  return [
    ...mountLines(adoption),
    ...networkLines(adoption),
    ...privilegeLines(adoption),
    ...hardeningLines(adoption),
  ];
}

function networkLines({ service, connectTo, directory, entry }: Adoption): readonly string[] {
  if (connectTo.length === 0) return [];
  const top = entry === 'systemd' ? '' : jailOf(directory);
  return [
    ...outboundFiles.map((name) => `BindReadOnlyPaths=${directory}/${name}:${top}/etc/${name}`),
    ...outboundLines(service.unit).service,
  ];
}

/** What must be there before it starts. */
export const requirements = ({ service, connectTo }: Adoption): readonly string[] =>
  connectTo.length === 0 ? [] : outboundLines(service.unit).unit;

// logrotate may remove a log, and expects the daemon to make a new one. The daemon cannot: its jail has the log, but not the host's directory
// around it. So systemd makes the log before each start.
const logLines = ({ entry, identity, paths }: Adoption): readonly string[] =>
  entry === 'launcher' && identity.user === 'root'
    ? paths.filter(isLoneLog).map(({ path }) => `ExecStartPre=-+:/usr/bin/touch -a ${execWord(path)}`)
    : [];

/** The text of the drop-in. */
export function dropInText(adoption: Adoption, version: string): string {
  const pidFile = pidFileOf(adoption);
  const lines = [
    ...execLines(adoption),
    ...logLines(adoption),
    ...(pidFile === undefined ? [] : [`PIDFile=${pidFile}`]),
    ...(adoption.forgeable.length === 0 ? [] : ['EnvironmentFile=', ...environmentLines(adoption)]),
    ...(adoption.forgeableLogs.length === 0
      ? []
      : settingsWithFile(adoption.service.settings).map((name) => `${name}=journal`)),
    ...surroundings(adoption),
  ];
  return `# Made by uchroot-service ${version}: \`uchroot-service release ${adoption.service.unit}\` removes it.
[Unit]
${[`RequiresMountsFor=${adoption.directory}`, ...requirements(adoption)].join('\n')}

[Service]
${lines.join('\n')}
`;
}

/** The directory of the jail and its launchers that a drop-in uses; undefined without a drop-in. */
export const directoryIn = (text: string | undefined): string | undefined =>
  /^RequiresMountsFor=(.*)$/m.exec(text ?? '')?.[1];

/** Whether a service is in the jail of this drop-in, as systemd has read it. */
export function isTaken(
  text: string,
  { lines, settings }: Pick<InstalledService, 'lines' | 'settings'>,
): boolean {
  const [, root] = /^RootDirectory=(.*)$/m.exec(text) ?? [];
  if (root !== undefined) return textOf(settings, 'RootDirectory') === root;
  const [, start] = /^ExecStart=[-!]*(\/.*)$/m.exec(text) ?? [];
  const starts = lines.filter(({ kind }) => kind === 'ExecStart');
  return starts.length === 1 && starts[0]?.program === start;
}
