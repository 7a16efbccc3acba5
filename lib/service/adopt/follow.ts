// Updates the adopted services by itself: dpkg marks that packages have changed, and units of systemd do the rest.
import { existsSync, readFileSync, rmSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { commandDirectory } from '../../native.ts';
import { unless } from '../../words/system-error.ts';
import { wrong } from '../../values/wrong.ts';
import { nodePath, replaceable, stablePath } from '../unit/node-path.ts';
import { adoptedUnits } from './adoption-record.ts';
import { mustRun, runHost } from './host-command.ts';
import { replaceHostFile } from './host-file.ts';
import { shownDate } from './kept/kept-configuration.ts';
import { propertiesOf } from './systemd-bus.ts';

const name = 'uchroot-update';
const mark = '/run/uchroot-upgraded';
const dpkgDirectory = '/etc/dpkg/dpkg.cfg.d';
const lock = '/var/lib/dpkg/lock-frontend';
const heading = '# Made by uchroot-service: `uchroot-service follow --off` removes it.\n';

const unitAt = (type: string): string => `/etc/systemd/system/${name}.${type}`;
const hookAt = `${dpkgDirectory}/uchroot`;
const places = [hookAt, unitAt('path'), unitAt('timer'), unitAt('service')];

/** A time of each day. */
export interface Window {
  /** HH:MM of the host's time. */
  readonly from: string;
  readonly minutes: number;
}

const minutesOf = (time: string): number => 60 * Number(time.slice(0, 2)) + Number(time.slice(3));

/** `02:00-05:30` as data. It may last past midnight. @throws UsageError */
export function toWindow(text: string): Window {
  const [, from = '', until = ''] =
    /^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text) ?? [];
  const minutes = (minutesOf(until) - minutesOf(from) + 1440) % 1440;
  if (from !== '' && minutes > 0) return { from, minutes };
  throw wrong({
    key: '--window',
    value: text,
    expected: 'two different times of a day',
    example: '02:00-05:30',
  });
}

// dpkg fails if its hook fails (dpkg(1), --post-invoke), so the hook never does. It does nothing when uchroot has gone.
const hookOf = (command: string): string =>
  `${heading}post-invoke=test ! -e "${command}" || touch ${mark} 2>/dev/null || true\n`;

// apt calls dpkg several times, and holds this lock from the first call to the last. A line of /proc/locks is `ID: KIND ADVISORY|MANDATORY MODE
// PID DEVICE:INODE START END` (proc_locks(5)). The device can be another one than stat(2) tells, as on btrfs, and another file can have the
// same inode. So only locks of root count: nobody else may keep updates away.
const isUpgraded = `while read -r id kind how mode pid file rest; do case $$file in *:$$inode) test ! -O /proc/$$pid || exit 1;; esac; done </proc/locks`;
const untilUpgraded = `if inode=$$(stat -c %%i ${lock} 2>/dev/null); then until (${isUpgraded}); do sleep 1; done; fi`;

/** The files, by their paths. */
function followFiles(window: Window | undefined, hasDpkg: boolean): ReadonlyMap<string, string> {
  const command = `${stablePath(commandDirectory)}/uchroot-service.cjs`;
  const service = `${heading}[Unit]
Description=updates of the services in jails
StartLimitIntervalSec=0

[Service]
Type=oneshot
${window === undefined ? '' : `TimeoutStartSec=${window.minutes}min\n`}KillMode=mixed
Nice=10
ExecStartPre=/bin/sh -c '${untilUpgraded}; rm -f ${mark}'
ExecStart="${nodePath()}" "${command}" update --all --prune
`;
  const path = `${heading}[Unit]
Description=upgrades of packages, for the services in jails

[Path]
PathExists=${mark}

[Install]
WantedBy=multi-user.target
`;
  // what dpkg does not mark, such as files in /usr/local, and a mark that a boot has lost
  const usual = 'OnBootSec=15min\nOnUnitInactiveSec=1d\nRandomizedDelaySec=1h';
  const timer = `${heading}[Unit]
Description=daily updates of the services in jails

[Timer]
${window === undefined ? usual : `OnCalendar=*-*-* ${window.from}`}

[Install]
WantedBy=timers.target
`;
  return new Map([
    ...(window === undefined && hasDpkg
      ? [[hookAt, hookOf(command)] as const, [unitAt('path'), path] as const]
      : []),
    [unitAt('timer'), timer],
    [unitAt('service'), service],
  ]);
}

const textAt = (path: string): string | undefined => unless(['ENOENT'], () => readFileSync(path, 'utf8'));

const isHere = (): boolean => textAt(unitAt('service'))?.startsWith(heading) === true;

const startedOf = (paths: readonly string[]): readonly string[] =>
  paths.filter((path) => /\.(path|timer)$/.test(path)).map((path) => path.replace(/^.*\//, ''));

/** Updates the services after upgrades from now on, or only at this time of each day. @throws UsageError; JailError; AbortError */
export async function followHost(window: Window | undefined, signal?: AbortSignal): Promise<void> {
  if (adoptedUnits().length === 0)
    throw new UsageError('no service is adopted, so there is nothing to update', {
      hint: 'uchroot-service adopt UNIT',
    });
  const foreign = places.find((path) => textAt(path)?.startsWith(heading) === false);
  if (foreign !== undefined)
    throw new UsageError(`${foreign} is there, and uchroot-service has not made it`, {
      hint: 'move it away',
    });
  await stopFollowing();
  const files = followFiles(window, existsSync(dpkgDirectory));
  try {
    for (const [path, text] of files) replaceHostFile(path, text);
    // this has systemd read its units again (systemctl(1))
    await mustRun('systemctl', ['enable', '--now', ...startedOf([...files.keys()])], { signal });
  } catch (error) {
    await stopFollowing();
    throw error;
  }
}

// The node and the uchroot that its unit starts.
function started(): readonly string[] {
  if (!isHere()) return [];
  const [, ...words] = /^ExecStart="([^"]+)" "([^"]+)"/m.exec(textAt(unitAt('service')) ?? '') ?? [];
  return words;
}

// What of it is gone, as after an update of node by a node manager, or of uchroot.
const gone = (): readonly string[] => started().filter((path) => !existsSync(path));

/** Has its files start this node and this uchroot, if one of theirs is gone. @returns whether that was so */
export async function mendFollowing(): Promise<boolean> {
  if (gone().length === 0) return false;
  const from = / (\d\d:\d\d)$/m.exec(textAt(unitAt('timer')) ?? '')?.[1];
  const minutes = Number(/^TimeoutStartSec=(\d+)min$/m.exec(textAt(unitAt('service')) ?? '')?.[1]);
  await followHost(from === undefined ? undefined : { from, minutes });
  return true;
}

/** Leaves no trace of it. An update that runs goes on to its end. As root, systemctl(1) asks systemd itself, even if the bus hangs. */
export async function stopFollowing(): Promise<void> {
  const present = places.filter((path) => textAt(path)?.startsWith(heading) === true);
  if (present.length === 0) return;
  await runHost('systemctl', ['disable', '--now', ...startedOf(present)]);
  for (const path of present) rmSync(path, { force: true });
  rmSync(mark, { force: true });
  await runHost('systemctl', ['daemon-reload']);
  await runHost('systemctl', ['reset-failed', `${name}.service`]);
}

/** Says whether it does so, and how the last run has ended. */
export async function followState(): Promise<string> {
  if (!isHere()) return 'off: services are updated by uchroot-service update\n';
  const when = existsSync(hookAt)
    ? 'after each run of dpkg, 15 minutes after a boot and daily'
    : 'by its timer alone';
  const { Result, ExecMainExitTimestamp: ended } = await propertiesOf(
    `${name}.service`,
    'Result',
    'ExecMainExitTimestamp',
  );
  const at = ended === '0' ? undefined : new Date(Number(ended) / 1000).toISOString();
  const last = at === undefined ? 'not yet' : `${shownDate(at)}, ${Result}`;
  const [lost] = gone();
  const loss =
    lost === undefined ? '' : `  it cannot start: ${lost} is gone; uchroot-service update --all mends that\n`;
  const [node = ''] = started();
  const why = lost === undefined ? replaceable(node) : undefined;
  const danger =
    why === undefined
      ? ''
      : `  as root it starts ${node}, and another user could put another program there: ${why}; install node for the whole host\n`;
  return `on: services are updated ${when}\n${loss}${danger}  last run: ${last}; journalctl -u ${name}\n  timer: systemctl list-timers ${name}.timer\n`;
}

/** After the last service there is nothing to update. */
export async function stopWithLast(): Promise<void> {
  if (adoptedUnits().length === 0) await stopFollowing();
}
