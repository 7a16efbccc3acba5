// The plan of a change to a service: what is compiled, tested, written, started and copied, in this order. Pure.
import type { Account } from '../../launch/host/account.ts';
import { commandLine } from '../../words/shell-word.ts';
import type { Adoption, HostFacts, JailContents } from './adoption.ts';
import { type ConfigurationCheck, configurationChecks } from './configuration-check.ts';
import type { Entry } from './identity.ts';
import type { ServicePath } from './installed/service-paths.ts';
import type { HostMount } from './installed/unit-mounts.ts';
import { type Launcher, launchersOf } from './launchers.ts';
import { outboundUnits, type RelayHost, type UnitText } from './outbound-units.ts';
import { dropInPath, dropInText } from './service-drop-in.ts';
import { type Trial, trialOf } from './trial.ts';

/** One act. carryOut() carries the steps of a plan out in their order. */
export type ServiceStep =
  | Launcher
  | ConfigurationCheck
  | Trial
  /** The units of what it may call: see outbound-units.ts. None are left without any. */
  | { readonly op: 'outbound'; readonly units: readonly UnitText[] }
  /** Looks at the running service once more, as late as possible, for `compare`. */
  | { readonly op: 'look' }
  /** Writes the record under a temporary name, so that a full disk is noticed before the service is touched. */
  | { readonly op: 'stage' }
  /** From here to `commit`, a failure puts the service back. Without text the drop-in is removed. */
  | { readonly op: 'drop-in'; readonly path: string; readonly text?: string }
  | { readonly op: 'start'; readonly watchMs: number | undefined }
  | { readonly op: 'compare'; readonly withUsers: boolean }
  /** systemd-tmpfiles(8) makes these directories of /run again at each boot. */
  | { readonly op: 'make-at-boot'; readonly paths: readonly string[] }
  /** Links of the host to the pid files and sockets that the service has made in /run of its jail. */
  | { readonly op: 'link' }
  | { readonly op: 'commit' }
  /** Copies the configuration with which the service came up. */
  | { readonly op: 'keep'; readonly paths: readonly string[] }
  /** Removes the jails and all else that belongs to the service, but for its data. */
  | { readonly op: 'remove' };

/** An adoption: what is chosen, and what is done once its jail is built. */
export interface AdoptionPlan {
  readonly unit: string;
  /** Directory of the jail and the launchers. */
  readonly directory: string;
  readonly contents: JailContents;
  readonly user: string;
  /** Capabilities that the service keeps, without `cap_`. */
  readonly caps: readonly string[];
  /** Why this user. */
  readonly reason: string;
  readonly account: Account | undefined;
  /** Who enters the jail. */
  readonly entry: Entry;
  /** Why systemd enters it; undefined if the launcher does. */
  readonly entryReason: string | undefined;
  /** What is mounted. */
  readonly paths: readonly ServicePath[];
  /** The SHA-256 of each file of EnvironmentFile=. */
  readonly environment: Readonly<Record<string, string>>;
  /** The unit and its drop-ins, without ours, and the variables of the service manager: they count from the next start on. */
  readonly unitText: string;
  readonly inherited: readonly string[];
  readonly steps: readonly ServiceStep[];
}

export interface Occasion {
  /** Version of uchroot, for the drop-in. */
  readonly version: string;
  /** The service runs now. */
  readonly isActive: boolean;
  /** It is not adopted yet. */
  readonly isFirst: boolean;
  readonly watchMs: number | undefined;
  /** Without a start beside the running service. */
  readonly noTrial?: boolean | undefined;
  /** Who relays for what it may call. */
  readonly relay: RelayHost;
}

// Databases of the whole host. No copy of these is kept: a service must not use old accounts or addresses.
const hostDatabase =
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid|hosts|resolv\.conf|nsswitch\.conf|localtime|services|protocols)$/;

/** The paths of a service that are its own configuration. One that it may write because it is named, or its own, is data. */
export function keptPaths(paths: readonly ServicePath[], named: readonly HostMount[]): readonly string[] {
  const data = new Set(named.filter(({ isReadOnly }) => !isReadOnly).map(({ path }) => path));
  return paths
    .filter(({ path, isOfHost }) => path.startsWith('/etc/') && isOfHost !== true && !data.has(path))
    .map(({ path }) => path)
    .filter((path) => !hostDatabase.test(path));
}

/** The plan of an adoption or an update. `named` are the paths that the caller has named. */
export function planAdoption(
  adoption: Adoption,
  {
    contents,
    environment,
    unitText,
    named: ofHost,
  }: Pick<HostFacts, 'contents' | 'environment' | 'unitText' | 'named'>,
  named: readonly ServicePath[],
  { version, isActive, isFirst, watchMs, noTrial, relay }: Occasion,
): AdoptionPlan {
  const { service, identity, directory, paths, account, entry, entryReason } = adoption;
  const isCompared = isActive && isFirst;
  const withUsers = !identity.isChosen && service.settings.DynamicUser !== true;
  const atBoot = paths.filter(({ isMadeAtBoot }) => isMadeAtBoot === true).map(({ path }) => path);
  const dropIn = dropInText(adoption, version);
  const steps: readonly (ServiceStep | false)[] = [
    ...launchersOf(adoption),
    adoption.connectTo.length > 0 && {
      op: 'outbound',
      units: outboundUnits(service.unit, adoption.connectTo, relay),
    },
    ...configurationChecks(adoption),
    isCompared && noTrial !== true && trialOf(adoption, unitText, dropIn, watchMs),
    isCompared && { op: 'look' },
    { op: 'stage' },
    { op: 'drop-in', path: dropInPath(service.unit), text: dropIn },
    isActive && { op: 'start', watchMs },
    isCompared && { op: 'compare', withUsers },
    (atBoot.length > 0 || !isFirst) && { op: 'make-at-boot', paths: atBoot },
    isCompared && { op: 'link' },
    { op: 'commit' },
    { op: 'keep', paths: keptPaths(paths, [...named, ...ofHost]) },
  ];
  return {
    unit: service.unit,
    directory,
    contents,
    user: identity.user,
    caps: identity.caps,
    reason: identity.reason,
    account,
    entry,
    entryReason,
    paths,
    environment: Object.fromEntries(environment.map(({ path, sha256 }) => [path, sha256])),
    // systemctl(1) prints an empty line before a drop-in
    unitText: unitText.trimEnd(),
    inherited: service.inherited,
    steps: steps.filter((step) => step !== false),
  };
}

/** The steps that put another drop-in in place, or none, and start a service that runs with it. */
export const swapSteps = (
  unit: string,
  text: string | undefined,
  { isActive, watchMs }: Pick<Occasion, 'isActive' | 'watchMs'>,
): readonly ServiceStep[] => [
  { op: 'drop-in', path: dropInPath(unit), ...(text === undefined ? {} : { text }) },
  ...(isActive ? [{ op: 'start', watchMs } as const] : []),
  { op: 'commit' },
];

type StepOf<Op> = Extract<ServiceStep, { readonly op: Op }>;

/** The steps of a plan with this op. */
export const stepsOf = <Op extends ServiceStep['op']>(
  { steps }: Pick<AdoptionPlan, 'steps'>,
  op: Op,
): readonly StepOf<Op>[] => steps.filter((step): step is StepOf<Op> => step.op === op);

/** The text of its drop-in. */
export const dropInOf = (plan: Pick<AdoptionPlan, 'steps'>): string =>
  stepsOf(plan, 'drop-in')[0]?.text ?? '';

/** The units of what it may call. */
export const outboundOf = (plan: Pick<AdoptionPlan, 'steps'> | undefined): readonly UnitText[] =>
  plan === undefined ? [] : stepsOf(plan, 'outbound').flatMap(({ units }) => units);

/** The paths of /etc that it copies. */
export const copiedBy = (plan: Pick<AdoptionPlan, 'steps'>): readonly string[] =>
  stepsOf(plan, 'keep').flatMap(({ paths }) => paths);

/** Whether two plans make the same jail, launchers, tests and drop-in. One of them may have been a record. */
export function isSamePlan(one: AdoptionPlan, other: AdoptionPlan): boolean {
  const [a, b] = [one, other].map((plan) =>
    JSON.stringify({
      ...plan,
      steps: ['compile', 'outbound', 'test', 'drop-in', 'keep'].map((op) =>
        stepsOf(plan, op as ServiceStep['op']),
      ),
    }),
  );
  return a === b;
}

/** A step in words. */
export function showStep(step: ServiceStep): string {
  switch (step.op) {
    case 'compile':
      return `compile ${step.file}, which starts ${commandLine(String(step.request.program), ...(step.request.args ?? []).map(String))}`;
    case 'test':
      return `test the configuration: ${step.words}`;
    case 'trial':
      return step.reason === undefined
        ? 'start it in the jail beside the running service, with copies of its data and no network, and end it'
        : `no start beside the running service: ${step.reason}`;
    case 'outbound':
      return `make a network for what it may call: ${step.units.map(({ name }) => name).join(', ')}`;
    case 'look':
      return 'look at its sockets, users and pid files';
    case 'stage':
      return 'write the record';
    case 'drop-in':
      return `write ${step.path}`;
    case 'start':
      return 'restart it, and watch it';
    case 'compare':
      return 'compare its sockets, users and pid files; put it back if they differ';
    case 'make-at-boot':
      return `have these directories made at each boot: ${step.paths.join(', ') || 'none'}`;
    case 'link':
      return 'link its pid files and sockets into /run';
    case 'commit':
      return 'keep all this: from here on nothing is undone';
    case 'keep':
      return `copy its configuration: ${step.paths.join(', ') || 'none'}`;
    case 'remove':
      return 'remove its jail';
    default:
      return step satisfies never;
  }
}
