// Compares what a service does in its jail with what it did before.
import { JailError } from '../../../errors.ts';
import { native } from '../../../native.ts';
import { jailOf, type Seen } from '../adoption.ts';
import type { InstalledService } from '../installed/installed-service.ts';
import { pollFor, reload, type Watch, watchTime } from '../running.ts';
import { propertiesOf } from '../systemd-bus.ts';
import { type Behaviour, makesCode, observe, ofOwnNetwork, portsOf } from './behaviour.ts';

/** The error for a service that comes up in its jail, but does not do what it did before. */
export class OtherBehaviour extends JailError {}

/** Two looks at a service: for a moment, it may have a further socket or process. */
export type Looks = readonly [first: Behaviour, second: Behaviour];

/** What was there at both looks and is missing now, and what was there at neither and is there now. */
export function differenceOf(
  part: keyof Behaviour,
  [first, second]: Looks,
  now: Behaviour,
): { readonly missing: readonly string[]; readonly added: readonly string[] } {
  return {
    missing: [...first[part]].filter((one) => second[part].has(one) && !now[part].has(one)),
    added: [...now[part]].filter((one) => !first[part].has(one) && !second[part].has(one)),
  };
}

const nameOf = (uid: string): string | undefined => native.getpwuid(Number(uid))?.name;

const parts = [
  { part: 'sockets', missing: 'it does not listen on', added: 'it listens on' },
  { part: 'pidFiles', missing: 'it does not make', added: undefined },
  { part: 'users', missing: 'it has no process of', added: 'it has a process of' },
] as const;

function tell(looks: Looks, now: Behaviour, withUsers: boolean): readonly string[] {
  const told: string[] = [];
  for (const { part, ...words } of parts.filter((one) => withUsers || one.part !== 'users')) {
    const found = differenceOf(part, looks, now);
    for (const kind of ['missing', 'added'] as const) {
      const items = found[kind].map((one) => (part === 'users' ? (nameOf(one) ?? `uid ${one}`) : one));
      if (items.length > 0 && words[kind] !== undefined)
        told.push(`${words[kind]} ${items.toSorted().join(', ')}`);
    }
  }
  return told;
}

// A program that speaks to the daemon, such as rndc. kill(1) only sends a signal, which a daemon that has just started may not expect yet.
const hasControl = ({ lines, canReload }: InstalledService): boolean =>
  canReload && lines.some(({ kind, program }) => kind === 'ExecReload' && !program.endsWith('/kill'));

// how long a service may take to open its sockets
const mostMs = 5000;

// A service that has just been started may have no socket yet.
async function waitUntilSettled(unit: string, watch: Watch): Promise<void> {
  const { ActiveEnterTimestampMonotonic: since } = await propertiesOf(unit, 'ActiveEnterTimestampMonotonic');
  const limitMs = Math.min(mostMs, await watchTime(unit, watch));
  // both are of CLOCK_MONOTONIC
  const leftMs = Number(since) / 1000 + limitMs - Number(process.hrtime.bigint()) / 1e6;
  await pollFor(leftMs, () => false, watch.signal);
}

// The pid files and sockets of a service.
const pathsOf = ({ pidFiles, sockets }: Behaviour): readonly string[] =>
  [...pidFiles].concat([...sockets].map((name) => name.replace(/^unix /, '')));

// The daemon, or who installed it, has made them: a name for them stands nowhere. /run has links instead.
const directoriesOf = ({ sockets }: Behaviour): readonly string[] => [
  ...new Set(
    [...sockets].flatMap(
      (name) =>
        /^unix (\/var\/(?!run\/|tmp\/|lib\/uchroot\/|(?:lib|cache|log|spool|mail|opt|local|www)\/[^/]+$)[^/]+\/?.*)\/[^/]+$/.exec(
          name,
        )?.[1] ?? [],
    ),
  ),
];

export interface Comparison {
  /** What the jail needs, from the first look. */
  readonly seen: Seen;
  /** The ports of the host on which it listened itself then. */
  readonly ownPorts: readonly string[];
  /** The pid files and sockets that it had. */
  known(): ReadonlySet<string>;
  /** Looks for the second time, as late as possible before the restart. */
  lookAgain(): Promise<void>;
  /**
   * Compares, after the restart.
   * @throws OtherBehaviour if the sockets or users are still other ones after 5 seconds, or after the time of `watch` if that is longer,
   * or if the program of ExecReload= fails and did not fail before; AbortError
   */
  judge(directory: string, withUsers: boolean): Promise<void>;
}

/** Looks at a service for the first time. */
export async function openComparison(service: InstalledService, watch: Watch): Promise<Comparison> {
  const { unit } = service;
  const first = await observe(unit);
  let looks: Looks = [first, first];
  const isDynamic = service.settings.DynamicUser === true;
  const ownPorts = (await portsOf(unit)).filter((name) => !name.endsWith(ofOwnNetwork));
  let hasAnswered = false;

  async function differences(jail: string, withUsers: boolean): Promise<readonly string[]> {
    let found: readonly string[] = [];
    const areNone = async (): Promise<boolean> => {
      found = tell(looks, await observe(unit, jail), withUsers);
      return found.length === 0;
    };
    await pollFor(Math.max(mostMs, watch.watchMs ?? 0), areNone, watch.signal);
    return found;
  }

  return {
    seen: {
      accounts: isDynamic ? [] : [...first.users].flatMap((uid) => nameOf(uid) ?? []),
      socketDirectories: directoriesOf(first),
      makesCode: await makesCode(unit),
    },
    ownPorts,
    lookAgain: async () => {
      await waitUntilSettled(unit, watch);
      hasAnswered = hasControl(service) && (await reload(unit, { ...watch, watchMs: 0 })) === undefined;
      looks = [first, await observe(unit)];
    },
    known: () => new Set(looks.flatMap(pathsOf)),
    judge: async (directory, withUsers) => {
      const failure = hasAnswered ? await reload(unit, { ...watch, watchMs: 0 }) : undefined;
      const found =
        failure === undefined
          ? await differences(jailOf(directory), withUsers)
          : [`its reload fails: ${failure.words}`];
      if (found.length === 0) return;
      throw new OtherBehaviour(
        `${unit} comes up in its jail, but does not do what it did before, so it runs without the jail again: ${found.join('; ')}`,
        {
          code: 'ERR_SERVICE',
          hint: 'if its configuration was changed while it ran, adopt it again: it has now been restarted; if it only listens later, --watch SECONDS waits longer',
        },
      );
    },
  };
}
