// The state of an adopted service: its jail, what has changed on the host since, and its last failure.
import { dirname } from 'node:path';

import { isWithin, showPath } from '../../tree/path.ts';
import { updateJail } from '../../jail/building.ts';
import { JailError } from '../../errors.ts';
import type { VersionChange } from '../../jail/manifest/manifest-changes.ts';
import { commandLine } from '../../words/shell-word.ts';
import { jailOf } from './adoption.ts';
import type { AdoptionPlan } from './adoption-plan.ts';
import {
  type AdoptionRecord,
  type Exposure,
  type FailedUpdate,
  readRecord,
  unfinishedChange,
} from './adoption-record.ts';
import { changedSince } from './behind.ts';
import { presentDropIn } from './systemd-bus.ts';
import { changedFiles, keptInUse } from './kept/kept-configuration.ts';
import { type InstalledService, numberOf, type Settings, textOf } from './installed/installed-service.ts';
import { type HostMount, hostMounts } from './installed/unit-mounts.ts';
import { refusedCalls } from './outbound.ts';
import { onlyInJail } from './run-links.ts';
import { failureIn } from './running.ts';
import { openTables, portsOf, type ReadTables, socketsIn } from './seen/behaviour.ts';
import { goneRefusal } from './service-refusal.ts';
import { type ServiceWork, takeServiceRequest } from './service-request.ts';
import { readService } from './systemd-bus.ts';
import { givenNow, givenProblem, type StateProblem } from './tell/given-away.ts';

export interface ServiceStatus extends Pick<AdoptionPlan, 'unit' | 'entry' | 'user' | 'reason'> {
  readonly exposure: Exposure;
  readonly jail: string;
  /** `active`, `failed`, `inactive` and the like (systemctl(1)). */
  readonly state: string;
  /** What keeps it from running, or from starting at boot, such as a mask; each with its remedy. */
  readonly problems: readonly StateProblem[];
  /** Paths of the host that it can write. The exposure does not count them. */
  readonly writable: readonly string[];
  /** Whom it may call; empty: everybody. */
  readonly connectTo: readonly string[];
  /** What it was refused since its relay was started, as the log has it. */
  readonly refusedCalls: readonly string[];
  /** Paths that lead out of its jail and that the caller has accepted: a sentence for each. */
  readonly givesAway: readonly string[];
  /** Packages of the host whose versions are newer than those in the jail. */
  readonly packages: readonly VersionChange[];
  /** The sockets at which it is reached: `tcp 127.0.0.1:80`, `unix /run/web.sock`. */
  readonly listensOn: readonly string[];
  /** Files that an update would change, since the host has others or since they were changed in the jail; undefined if the host lacks the service or one of its programs. */
  readonly changes: number | undefined;
  /** Their paths. */
  readonly differing: readonly string[];
  /** Files below /etc, and those of EnvironmentFile=, of which the jail and its launchers have an older state. */
  readonly outdated: readonly string[];
  /** Pid files and sockets in /run that are only in the jail: programs of the host do not find them. */
  readonly onlyInJail: readonly string[];
  /** The drop-in is gone: the service will start without its jail. */
  readonly isDropInMissing: boolean;
  /** A drop-in that systemd reads later replaces the commands: the service will start without its jail. */
  readonly isOverridden: boolean;
  /** The service does not come up with the files in /etc, so it runs with an older copy. Undefined if it runs with the files in /etc. */
  readonly keptConfiguration:
    | {
        /** When the service came up with this copy, in ISO 8601. */
        readonly keptAt: string;
        /** Files that differ in /etc now. */
        readonly files: readonly string[];
      }
    | undefined;
  /** Why the service failed last; undefined if it did not fail. */
  readonly failure: string | undefined;
  /** When, in ISO 8601; undefined if systemd does not know it. */
  readonly failedAt: string | undefined;
  /** Why and when the last update failed; undefined if it did not. */
  readonly failedUpdate: FailedUpdate | undefined;
}

interface Behind extends Pick<ServiceStatus, 'packages' | 'problems'> {
  /** Paths of the jail. */
  readonly changes: readonly string[] | undefined;
}

// How far the jail is behind the host. Without its package, it has nothing to be compared with.
async function behind(
  { unit, loadState }: InstalledService,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<Behind> {
  if (loadState === 'not-found') return { packages: [], changes: undefined, problems: [] };
  try {
    const { packages, changes, left } = await updateJail({ directory, plan: true, signal });
    const changed = [...changes, ...left.filter(({ because }) => because !== 'writable')];
    return { packages, changes: [...new Set(changed.map(({ path }) => path))], problems: [] };
  } catch (error) {
    if (!(error instanceof JailError && ['ENOENT', 'ERR_MISSING'].includes(error.code))) throw error;
    const remedy = `bring it back; to do without it: ${commandLine('uchroot-service', 'update', unit)}`;
    return { packages: [], changes: undefined, problems: [{ message: error.message, remedy }] };
  }
}

/** The state of an adopted service. @throws UsageError if it is not adopted */
export const serviceStatus = (asked: ServiceWork): Promise<ServiceStatus> => statusOf(asked, openTables());

/** The same for one of several services, which share what is read of the networks. */
export async function statusOf(asked: ServiceWork, readTables: ReadTables): Promise<ServiceStatus> {
  const request = takeServiceRequest(asked);
  const service = await readService(request.unit);
  const { unit, lines, settings } = service;
  const record = readRecord(unit);
  const { plan, exposure, options } = record;
  const { connectTo = [] } = options;
  const { entry, user, reason, paths } = plan;
  const dropIn = presentDropIn(unit);
  const kept = keptInUse(unit, dropIn, record);
  const jail = jailOf(plan.directory);
  const { packages, changes, problems } = await behind(service, jail, request.signal);
  const state = textOf(settings, 'ActiveState');
  const mounts = mountsOf(settings, entry, jail);
  const named = new Set(options.paths.map(({ path }) => path));
  const given = givenNow(
    service,
    mounts,
    paths.filter(({ path }) => !named.has(path)),
  );
  // at a mounted path the service sees the host's own files; the adoption has set the owner of /run itself
  const differing = changes?.filter(
    (path) => path !== '/run' && !paths.some((top) => isWithin(path, top.path)),
  );
  return {
    unit,
    entry,
    user,
    reason,
    exposure,
    jail,
    packages,
    state,
    connectTo,
    refusedCalls: connectTo.length === 0 ? [] : await refusedCalls(unit),
    writable: [...new Set(mounts.flatMap(({ path, isReadOnly }) => (isReadOnly ? [] : [path])))].toSorted(),
    givesAway: options.insecurePath ? given.map(({ message }) => message) : [],
    problems: [
      ...stateProblems(service, state),
      ...interruption(unit),
      ...(connectTo.length === 0 ? [] : portProblems(await portsOf(unit), unit)),
      ...problems,
      ...(options.insecurePath ? [] : given.map(givenProblem(unit, options))),
    ],
    changes: differing?.length,
    differing: differing ?? [],
    listensOn: socketsIn(textOf(settings, 'ControlGroup'), readTables),
    outdated: changedSince(plan, service),
    onlyInJail: await onlyInJail(unit, jail),
    isDropInMissing: dropIn === undefined,
    isOverridden:
      dropIn !== undefined &&
      textOf(settings, 'RootDirectory') !== jail &&
      lines.some(({ kind, program }) => kind === 'ExecStart' && dirname(program) !== dirname(jail)),
    keptConfiguration:
      kept === undefined ? undefined : { keptAt: kept.keptAt, files: changedFiles(unit, kept).map(showPath) },
    ...failuresOf(settings, record),
  };
}

// Where systemd enters, it mounts /run of the jail too.
const mountsOf = (settings: Settings, entry: AdoptionPlan['entry'], jail: string): readonly HostMount[] =>
  hostMounts(settings, entry === 'launcher' ? jail : '').filter(({ path }) => path !== `${jail}/run`);

const failuresOf = (
  settings: Settings,
  { failedUpdate }: AdoptionRecord,
): Pick<ServiceStatus, 'failure' | 'failedAt' | 'failedUpdate'> => {
  const failure = failureIn(settings);
  return { failure, failedAt: failure === undefined ? undefined : exitTime(settings), failedUpdate };
};

// When its main process ended last, which systemd has in microseconds.
function exitTime(settings: Settings): string | undefined {
  const timeUs = numberOf(settings, 'ExecMainExitTimestamp');
  return timeUs > 0 && timeUs < Number.MAX_SAFE_INTEGER ? new Date(timeUs / 1000).toISOString() : undefined;
}

// A change that has begun and is not over: a command works on the service, or was killed.
const interruption = (unit: string): readonly StateProblem[] =>
  unfinishedChange(unit) === undefined
    ? []
    : [
        {
          message: 'a command has begun to change it and has not ended: it was killed, unless it still runs',
          remedy: `${commandLine('uchroot-service', 'update', unit)} puts the service back first`,
        },
      ];

// A service with a list has no ports of its own when it is adopted. Its configuration may have changed since.
const portProblems = (ports: readonly string[], unit: string): readonly StateProblem[] =>
  ports.length === 0
    ? []
    : [
        {
          message: `it listens on ${ports.toSorted().join(', ')}, where nobody reaches it`,
          remedy: `${commandLine('uchroot-service', 'release', unit)}, and adopt it without --connect-to; or change its configuration`,
        },
      ];

type Stated = Pick<InstalledService, 'unit' | 'loadState' | 'fileState' | 'isWanted'>;

/** The problems of a service in this state, such as `failed` (systemctl(1), is-active). */
export function stateProblems(service: Stated, state: string): readonly StateProblem[] {
  const { unit, loadState, fileState, isWanted } = service;
  const gone = goneRefusal(service);
  const runtime = fileState === 'masked-runtime' ? ['--runtime'] : [];
  const restart = commandLine('systemctl', 'restart', unit);
  const rows: readonly (readonly [isSo: boolean, message: string, remedy: string])[] = [
    [gone !== undefined, gone?.message ?? '', gone?.hint ?? ''],
    [
      loadState === 'masked',
      'it is masked, and cannot be started',
      commandLine('systemctl', 'unmask', ...runtime, unit),
    ],
    [
      !['loaded', 'masked', 'not-found'].includes(loadState),
      `systemd cannot use its unit (${loadState})`,
      commandLine('systemd-analyze', 'verify', unit),
    ],
    [
      loadState === 'loaded' && state === 'failed',
      'it has failed, and does not run',
      `${commandLine('journalctl', '-u', unit)}; then ${restart}`,
    ],
    [
      loadState === 'loaded' && fileState === 'disabled' && !isWanted,
      'it is disabled, and does not start at boot',
      commandLine('systemctl', 'enable', unit),
    ],
  ];
  return rows.filter(([isSo]) => isSo).map(([, message, remedy]) => ({ message, remedy }));
}
