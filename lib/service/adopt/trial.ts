// A start of the daemon in its new jail beside the running service: a unit with the settings of the service and its drop-in, but with a
// network of its own, and with copies in place of its data. Pure.
import { isWithin } from '../../tree/path.ts';
import { words } from '../../words/word-list.ts';
import { type Adoption, jailOf } from './adoption.ts';
import {
  directoryVariables,
  hasCredentials,
  isListed,
  listOf,
  numberOf,
  textOf,
} from './installed/installed-service.ts';
import { isConfigurationTest } from './installed/known-daemons.ts';
import { boundPaths, hostMounts } from './installed/unit-mounts.ts';
import { withoutSpecifiers } from './installed/unit-text.ts';
import { execWord, hostWritten } from './service-drop-in.ts';

/** A start beside the running service. */
export interface Trial {
  readonly op: 'trial';
  /** Why there is none; undefined if there is one. */
  readonly reason: string | undefined;
  readonly text: string;
  /** Directory of the copies. */
  readonly place: string;
  /** Paths of the host, each of which has a copy at the same path below `place`. */
  readonly copied: readonly string[];
  /** Paths of the host in which others may listen. */
  readonly shared: readonly string[];
  readonly watchMs: number | undefined;
}

/** The copy of /run of the jail. */
export const runCopy = 'jail-run';

const isInRun = (path: string): boolean => isWithin(path, '/run');

// Why a start beside the service would say nothing about the service, or would work on the host.
function reasonAgainst(adoption: Adoption): string | undefined {
  const { service, identity, connectTo, paths } = adoption;
  const { settings, lines } = service;
  const known = new Set(paths.map(({ path }) => path));
  const written = hostWritten(adoption).find((path) => !known.has(path));
  const prepared = lines.find(
    (line) =>
      (line.kind === 'ExecStartPre' || line.kind === 'ExecCondition') &&
      !line.flags.includes('ignore-failure') &&
      !isConfigurationTest(line, line.argv),
  );
  const ofKernel = [...known].find((path) => ['/dev', '/proc', '/sys'].some((top) => isWithin(path, top)));
  const rows: readonly (readonly [isSo: boolean, reason: string])[] = [
    [
      listOf(settings, 'TriggeredBy').some((unit) => unit.endsWith('.socket')),
      'its sockets come from systemd',
    ],
    [settings.DynamicUser === true, 'with DynamicUser= it would be another user than that of its data'],
    [hasCredentials(settings), 'it needs its credentials'],
    [connectTo.length > 0, 'whom it may call needs the network'],
    [identity.caps.includes('sys_time'), 'it sets the clock of the host'],
    [
      textOf(settings, 'NetworkNamespacePath') !== '' || isListed(settings, 'JoinsNamespaceOf'),
      'it shares a network with others',
    ],
    [written !== undefined, `its unit lets it write to ${written} of the host`],
    [ofKernel !== undefined, `it sees ${ofKernel} of the host`],
    [prepared !== undefined, `${prepared?.kind}=${prepared?.program} prepares its start on the host`],
  ];
  return rows.find(([isSo]) => isSo)?.[1];
}

// The lines of [Service] in the text of a unit. Those of [Unit] would order, stop and start other units.
function serviceLines(text: string): readonly string[] {
  let section = '';
  return text.split('\n').filter((line) => {
    section = /^\s*\[(\w+)\]/.exec(line)?.[1] ?? section;
    return section === 'Service' && !/^\s*\[/.test(line);
  });
}

// What no start of a trial does, and what ends it, even if nobody is left to stop it.
const overrides = words(
  `ExecCondition ExecStartPre ExecStartPost ExecReload ExecStop ExecStopPost OpenFile RuntimeDirectory StateDirectory
  CacheDirectory LogsDirectory ConfigurationDirectory`,
).map((name) => `${name}=`);
const patienceUs = 90e6;

function limitLines({ service: { settings } }: Adoption, watchMs: number | undefined): readonly string[] {
  const limitUs = numberOf(settings, 'TimeoutStartUSec');
  const startUs = limitUs > 0 && limitUs < patienceUs ? limitUs : patienceUs;
  return [
    'Restart=no',
    'KillMode=control-group',
    'SendSIGKILL=yes',
    'WatchdogSec=0',
    // systemd takes these in [Service] too; a failure would reboot the host
    'FailureAction=none',
    'StartLimitAction=none',
    'TimeoutStopSec=5',
    `TimeoutStartSec=${startUs}us`,
    `RuntimeMaxSec=${patienceUs + 1000 * (watchMs ?? 0)}us`,
  ];
}

/** The start beside the running service. @param unitText the unit, without ours @param dropIn the text of ours */
export function trialOf(
  adoption: Adoption,
  unitText: string,
  dropIn: string,
  watchMs: number | undefined,
): Trial {
  const { service, directory, paths, entry } = adoption;
  const { settings, unit } = service;
  const jail = jailOf(directory);
  const place = `${directory}/trial`;
  const bound = boundPaths(settings, paths);
  const copied = bound.filter(({ path, isReadOnly }) => !isReadOnly || isInRun(path)).map(({ path }) => path);
  const shared = [...bound.filter(({ isReadOnly }) => isReadOnly), ...hostMounts(settings, '')];
  const moved = (line: string): string => {
    const [, setting = '', optional = '', source = '', rest = `:${source}`] =
      /^(BindPaths|BindReadOnlyPaths)=(-?)([^:]*)(:.*)?$/.exec(line) ?? [];
    if (source === `${jail}/run`) return `${setting}=${place}/${runCopy}${rest}`;
    const isCopied = copied.includes(source.replaceAll('%%', '%'));
    return isCopied ? `${setting}=${optional}${place}${source}${rest}` : line;
  };
  const pidFile = textOf(settings, 'PIDFile');
  const isPidCopied = copied.some((path) => pidFile.startsWith(`${path}/`));
  const isPidInRun = entry === 'launcher' && isInRun(pidFile);
  const pidPlace = isPidCopied
    ? `${place}${pidFile}`
    : isPidInRun
      ? `${place}/${runCopy}${pidFile.slice('/run'.length)}`
      : '';
  const lines = [
    ...serviceLines(withoutSpecifiers(unitText, unit)),
    ...serviceLines(dropIn).map(moved),
    ...(entry === 'launcher' ? [`BindPaths=${place}/${runCopy}:${jail}/run`] : []),
    ...Object.entries(directoryVariables(service)).map(
      ([name, value]) => `Environment=${execWord(`${name}=${value}`)}`,
    ),
    ...overrides,
    ...limitLines(adoption, watchMs),
    `PIDFile=${pidPlace}`,
    'PrivateNetwork=yes',
    'PrivateIPC=yes',
    'StandardInput=null',
    'StandardOutput=journal',
    'StandardError=journal',
  ];
  return {
    op: 'trial',
    reason: reasonAgainst(adoption),
    text: `[Unit]\nDescription=start of ${unit} in its jail, beside it\n\n[Service]\n${lines.join('\n')}\n`,
    place,
    copied,
    shared: shared.map(({ path }) => path),
    watchMs,
  };
}
