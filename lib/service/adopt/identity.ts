// Chooses as whom a service starts, and whether a compiled launcher or systemd enters its jail. Pure.
import { isWithin } from '../../tree/path.ts';
import { words } from '../../words/word-list.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import {
  conditionsIn,
  directoryVariables,
  type ExecLine,
  type InstalledService,
  listOf,
  numberOf,
  type Settings,
  textOf,
} from './installed/installed-service.ts';
import { isKnown, knownDaemon, knownOf } from './installed/known-daemons.ts';
import { unservedCall } from './installed/launcher-calls.ts';
import { boundPaths, type HostMount, replaceablePlace } from './installed/unit-mounts.ts';
import { expandWords } from './installed/unit-text.ts';

/** The user of the service, and the capabilities that it keeps. */
export interface Identity {
  /** `root`, or an account. */
  readonly user: string;
  readonly group: string | undefined;
  /** The unit starts it as root, and `user` is another account. */
  readonly isChosen: boolean;
  /** Names without `cap_`. */
  readonly caps: readonly string[];
  /** The choice in one sentence. */
  readonly reason: string;
}

const has = (mask: number, capability: number): boolean =>
  // a float cannot hold a set of all 64 bits exactly
  mask >= 2 ** 53 || Math.floor(mask / 2 ** capability) % 2 === 1;

const capsIn = (mask: number): readonly string[] => capabilityNames.filter((_, number) => has(mask, number));

const unite = (...lists: readonly (readonly string[])[]): readonly string[] => [...new Set(lists.flat())];

// What leads out of a jail, or to other processes and the kernel. Only the caller gives these.
const withheldCaps = new Set<string>(
  words(`dac_read_search linux_immutable sys_module sys_rawio sys_chroot sys_ptrace sys_admin sys_boot sys_time mknod audit_control
    setfcap mac_override mac_admin syslog perfmon bpf checkpoint_restore`),
);

// A unit that limits the capabilities of its daemon names those that it needs.
const namedCaps = (bounding: readonly string[]): readonly string[] =>
  bounding.length === capabilityNames.length ? [] : bounding.filter((cap) => !withheldCaps.has(cap));

// A unit that does not start without this capability, as that of chrony, sets the clock. This does not lead out of a jail.
const clockOf = (settings: Settings): readonly string[] =>
  conditionsIn(settings).some(
    ([name, , isNegated, value]) => !isNegated && name === 'ConditionCapability' && value === 'CAP_SYS_TIME',
  )
    ? ['sys_time']
    : [];

/** Whether systemd runs a line of a unit as root. */
export const isRoots = (settings: Settings, flags: readonly string[]): boolean =>
  ['', 'root', '0'].includes(textOf(settings, 'User')) || flags.includes('no-setuid');

/** What the caller asks for. */
export interface Wanted {
  readonly user?: string | undefined;
  readonly caps?: readonly string[] | undefined;
}

/** The user that a service starts as, and its capabilities. */
export function chooseIdentity(
  { settings, lines }: InstalledService,
  { user: wanted, caps: more = [] }: Wanted = {},
): Identity {
  const user = textOf(settings, 'User');
  const group = textOf(settings, 'Group') || undefined;
  const ambient = capsIn(numberOf(settings, 'AmbientCapabilities'));
  const bounding = capsIn(numberOf(settings, 'CapabilityBoundingSet'));
  const start = lines.find(({ kind }) => kind === 'ExecStart');
  if (!isRoots(settings, start?.flags ?? []))
    return { user, group, isChosen: false, caps: unite(ambient, more), reason: `User=${user}` };
  const known = knownOf({ lines });
  const chosen = wanted ?? known.user ?? 'root';
  const isRoot = chosen === 'root';
  const needed = isRoot && known.user !== undefined ? knownDaemon('').caps : known.caps;
  const used = !isRoot && known.user === undefined ? ['net_bind_service'] : needed;
  const caps = unite(
    [...used, ...clockOf(settings), ...(isRoot && !isKnown({ lines }) ? namedCaps(bounding) : [])].filter(
      (cap) => bounding.includes(cap),
    ),
    more,
  );
  const named = caps.length === 0 ? 'no capability' : caps.map((cap) => `CAP_${cap.toUpperCase()}`).join(' ');
  return {
    user: chosen,
    group: isRoot && start?.flags.includes('no-setuid') !== true ? group : undefined,
    isChosen: !isRoot,
    caps,
    reason: isRoot
      ? `the unit starts it as root: root of the jail, with ${named}`
      : `the unit starts it as root: ${chosen} from the first instruction on, with ${named}`,
  };
}

/** Who enters the jail: the compiled launcher by chroot(2), or systemd by RootDirectory=. */
export type Entry = 'launcher' | 'systemd';

/**
 * Why the launcher cannot start the service with the settings of its unit, so that systemd must enter the jail; undefined if it can.
 */
function launcherRefusal(
  { settings, lines }: Pick<InstalledService, 'settings' | 'lines'>,
  caps: readonly string[],
): string | undefined {
  const cwd = textOf(settings, 'WorkingDirectory');
  const call = unservedCall(settings);
  const start = lines.find(({ kind }) => kind === 'ExecStart');
  const late = lines
    .filter(({ program, flags }) => program === start?.program && !flags.includes('no-env-expand'))
    .flatMap(({ argv }) => argv.flatMap(variablesIn))
    .find((name) => isSetByManager(name) || listOf(settings, 'PassEnvironment').includes(name));
  const rows: readonly (readonly [isRefused: boolean, reason: string])[] = [
    [settings.DynamicUser === true, 'DynamicUser=: the user is another one at each start'],
    [numberOf(settings, 'Nice') < 0, 'Nice= is negative'],
    [numberOf(settings, 'OOMScoreAdjust') < 0, 'OOMScoreAdjust= is negative'],
    [numberOf(settings, 'CPUSchedulingPolicy') !== 0, 'CPUSchedulingPolicy='],
    [caps.includes('sys_chroot'), 'it changes its root directory itself, which a chroot does not confine'],
    [cwd === '~', 'WorkingDirectory=~'],
    [cwd.startsWith('!'), 'its WorkingDirectory= may be missing'],
    [numberOf(settings, 'TimerSlackNSec') > defaultSlackNs, 'TimerSlackNSec='],
    [call !== undefined, `SystemCallFilter= refuses ${call}`],
    [late !== undefined, `a line of its own program has $${late}, which systemd sets at each start`],
  ];
  return rows.find(([isRefused]) => isRefused)?.[1];
}

// prctl(2), PR_SET_TIMERSLACK. A launch sets it.
const defaultSlackNs = 50_000;

// The names of variables in a word of a command line, as expandWords() finds them.
function variablesIn(word: string): readonly string[] {
  const [, alone] = /^\$([^${].*)$/s.exec(word) ?? [];
  return alone === undefined
    ? [...word.matchAll(/\$\$|\$\{([^}:]*)\}/g)].flatMap(([, name]) => name ?? [])
    : [alone];
}

// systemd.exec(5), ENVIRONMENT VARIABLES SET OR PROPAGATED BY THE SERVICE MANAGER. Directories are known before.
const setAtStart =
  /^(PATH|LANG|LC_\w+|USER|LOGNAME|HOME|SHELL|TERM|\w*PID|\w*PIDFDID|INVOCATION_ID|LISTEN_\w+|NOTIFY_SOCKET|WATCHDOG_USEC|JOURNAL_STREAM|LOG_NAMESPACE|SERVICE_RESULT|EXIT_\w+|MONITOR_\w+|PIDFILE|REMOTE_\w+|TRIGGER_\w+|MEMORY_PRESSURE_\w+|FDSTORE)$/;

/** Whether systemd sets a variable for each service at its start. */
export const isSetByManager = (name: string): boolean => setAtStart.test(name);

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
  { caps, user, isChosen }: Pick<Identity, 'caps' | 'user' | 'isChosen'>,
  paths: readonly HostMount[] = [],
  variables: ReadonlyMap<string, string> = new Map(),
): { readonly entry: Entry; readonly entryReason: string | undefined } {
  const { lines, settings } = service;
  const bound = boundPaths(settings, paths).filter(({ isReadOnly }) => !isReadOnly);
  const written = bound.map(({ path }) => path);
  const place = replaceablePlace(settings, written);
  const start = lines.find(({ kind }) => kind === 'ExecStart');
  const ofOthers = lines.filter(({ program }) => program !== start?.program);
  const [followed] = isChosen || user === 'root' ? followedPaths(service, ofOthers, written, variables) : [];
  const entryReason =
    launcherRefusal(service, caps) ??
    (place && `its unit mounts ${place}, where the service could put a link`) ??
    (followed && `root would use ${followed} on the host, where the service could put a link`);
  return { entry: entryReason === undefined ? 'launcher' : 'systemd', entryReason };
}
