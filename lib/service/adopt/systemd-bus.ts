// Asks systemd about a service over the bus, by busctl(1). In its answers the words of a command line are separate; `systemctl show`
// joins them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';

import { JailError, UsageError } from '../../errors.ts';
import { capabilityNames } from '../../launch/request/capabilities.ts';
import { quote } from '../../words/quote.ts';
import { mustRun, runHost } from './host-command.ts';
import { writeFiles } from '../unit/unit-files.ts';
import { writeHostFile } from './host-file.ts';
import {
  type ExecLine,
  type InstalledService,
  listOf,
  numberOf,
  readSettings,
  readValue,
  type Settings,
  textOf,
  toInstalled,
} from './installed/installed-service.ts';
import { hasWatchdog, standardFilesIn, withoutSpecifiers } from './installed/unit-text.ts';
import { lookOr, unless } from '../../jail/work/jail-error.ts';
import { dropInPath } from './service-drop-in.ts';

const bus = 'org.freedesktop.systemd1';

const absent = (message: string, hint: string): JailError =>
  new JailError(message, { code: 'ERR_SERVICE', hint });

// @throws JailError if the host has no systemd that can be asked
function refuseAbsence(): void {
  // /proc may be missing, or hide it
  const first = lookOr('', () => readFileSync('/proc/1/comm', 'utf8').trim());
  if (!existsSync('/run/systemd/system'))
    throw absent(
      `systemd is not the init system here${first === '' ? '' : `: process 1 is ${quote(first)}`}`,
      'in a container, start the program by uchroot USER DIRECTORY PROGRAM; for another init system: uchroot --unit openrc, sysv, runit or s6, as doc/services.md shows under "Other init systems"',
    );
  if (!existsSync('/run/dbus/system_bus_socket'))
    throw absent(
      'the system bus does not run, and systemd is asked over it: there is no /run/dbus/system_bus_socket',
      'apt-get install dbus, then systemctl start dbus.socket',
    );
}

async function call(object: string, words: readonly string[]): Promise<string> {
  refuseAbsence();
  const { status, stdout, stderr } = await runHost('busctl', ['--json=short', 'call', bus, object, ...words]);
  if (status === 0) return stdout;
  throw new JailError(`systemd does not answer on the bus: ${stderr.trim() || `status ${status}`}`, {
    code: 'ERR_SERVICE',
    hint: 'systemctl status dbus says whether the bus runs',
  });
}

const encode = (character: string): string => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

// The object of a unit; systemd loads the unit if it is not loaded yet (sd_bus_path_encode(3)).
const objectOf = (unit: string): string =>
  `/org/freedesktop/systemd1/unit/${unit.replace(/^[0-9]|[^A-Za-z0-9]/g, encode)}`;

// Without an interface, an object tells the properties of all of them (D-Bus Specification, org.freedesktop.DBus.Properties).
async function settingsOf(unit: string): Promise<Settings> {
  return readSettings(await call(objectOf(unit), ['org.freedesktop.DBus.Properties', 'GetAll', 's', '']));
}

// DefaultEnvironment= of the service manager, and what `systemctl set-environment` adds.
async function inheritedVariables(): Promise<readonly string[]> {
  const words = ['org.freedesktop.DBus.Properties', 'Get', 'ss', `${bus}.Manager`, 'Environment'];
  return listOf({ value: readValue(await call('/org/freedesktop/systemd1', words)) }, 'value');
}

/** A service as it is now. */
export async function readService(unit: string): Promise<InstalledService> {
  const [onBus, inherited] = await Promise.all([settingsOf(unit), inheritedVariables()]);
  return fromSettings({ ...onBus, ...(await unsaid(unit, onBus)) }, inherited);
}

// systemd in a container leaves out what it does not have itself, without a word. A launcher would refuse to start.
function givenCapabilities(settings: Settings): Settings {
  const [, held = '0'] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/1/status', 'utf8')) ?? [];
  const given = (name: string): number => {
    const mask = numberOf(settings, name);
    // a set of all is no limit
    return mask >= 2 ** capabilityNames.length - 1 ? mask : Number(BigInt(mask) & BigInt(`0x${held}`));
  };
  return {
    AmbientCapabilities: given('AmbientCapabilities'),
    CapabilityBoundingSet: given('CapabilityBoundingSet'),
  };
}

function fromSettings(settings: Settings, inherited: readonly string[]): InstalledService {
  const service = toInstalled({ ...settings, ...givenCapabilities(settings) }, inherited);
  return { ...service, lines: service.lines.map((line) => withPath(line, settings)) };
}

/** The name of a service, by which systemd knows it: an alias is replaced. */
export async function realName(unit: string): Promise<string> {
  const words = ['org.freedesktop.DBus.Properties', 'Get', 'ss', `${bus}.Unit`, 'Id'];
  return readValue(await call(objectOf(unit), words)) as string;
}

// Settings from the text of the unit, because the bus does not say them: the files of StandardOutput=append: and the like, and the watchdog
// of a service that has not been started (systemd's dbus-service.c, property_get_watchdog_usec()).
async function unsaid(unit: string, settings: Settings): Promise<Settings> {
  const kinds = ['StandardInput', 'StandardOutput', 'StandardError'].map((name) => textOf(settings, name));
  const hasFiles = kinds.some((kind) => ['file', 'append', 'truncate'].includes(kind));
  const isStarted = numberOf(settings, 'WatchdogUSec') <= Number.MAX_SAFE_INTEGER;
  if ((!hasFiles && isStarted) || textOf(settings, 'LoadState') !== 'loaded') return {};
  const [, instance] = /@(.*)\.service$/.exec(unit) ?? [];
  const text = withoutSpecifiers(await unitText(unit, ''), unit);
  return {
    ...(hasFiles ? { StandardFiles: standardFilesIn(text, instance) } : {}),
    ...(isStarted ? {} : { WatchdogUSec: hasWatchdog(text) ? 1 : 0 }),
  };
}

/** Where systemd looks for a program that is given by its name (systemd.exec(5), ExecSearchPath=). */
export const defaultSearch = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin'];

function withPath(line: ExecLine, settings: Settings): ExecLine {
  if (line.program.startsWith('/')) return line;
  const given = listOf(settings, 'ExecSearchPath');
  const paths = (given.length > 0 ? given : defaultSearch).map((directory) => `${directory}/${line.program}`);
  return { ...line, program: paths.find((path) => existsSync(path)) ?? line.program };
}

// The path of a unit, or another unit of the same name.
function meantBy(name: string): string {
  const plain = name.replace(/^.*\//, '').replace(/\.(socket|timer|path|mount|conf)$/, '.service');
  const isName = plain !== name && /^[\w:.@-]{1,200}\.service$/.test(plain);
  return isName ? `write ${plain}` : 'such as nginx.service: systemctl list-units --type=service shows them';
}

// systemctl(1) completes any other name too: that of an instance can have dots
const unitTypes = /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|conf)$/;

/** The full name of a service: `nginx` is `nginx.service`. @throws UsageError for a name that cannot be one */
export function toUnitName(name: string): string {
  const full = unitTypes.test(name) ? name : `${name}.service`;
  if (!/^(?!@)[A-Za-z0-9:_.@-]{1,200}\.service$/.test(full))
    throw new UsageError(`${quote(name)} is not the name of a service`, {
      hint: meantBy(name),
    });
  if (full.includes('@.'))
    throw new UsageError(`${full} is a template`, {
      hint: `name one of its instances, such as ${full.replace('@.', '@1.')}`,
    });
  return full;
}

/** The text of a unit with its drop-ins, without the drop-in at `without`. */
async function unitText(unit: string, without: string): Promise<string> {
  const text = await mustRun('systemctl', ['cat', '--no-pager', unit]);
  return text
    .split(/^(?=# \/)/m)
    .filter((part) => !part.startsWith(`# ${without}\n`))
    .join('');
}

let temporaryNames = 0;

/** The name of a unit that only this call uses, without its type. */
export const temporaryName = (purpose: string): string =>
  `uchroot-${purpose}-${process.pid}-${++temporaryNames}`;

/** A service without our drop-in. */
export interface Unjailed {
  readonly service: InstalledService;
  /** Its unit and drop-ins, without ours. */
  readonly text: string;
  readonly reading: Reading;
}

/** How systemd has read a unit without our drop-in. */
export interface Reading {
  /** A hash of all that decides it; undefined for a unit whose specifiers depend on more. */
  readonly basis: string | undefined;
  readonly settings: Settings;
}

// Settings with a default in systemd-system.conf(5). The drop-in sets none of them.
const withDefault = [
  'LimitCORE',
  'LimitCORESoft',
  'LimitSTACK',
  'LimitSTACKSoft',
  'OOMScoreAdjust',
  'TimeoutStartUSec',
  'TimerSlackNSec',
];

// Specifiers for the host, its kernel, its boot and its release (systemd.unit(5), SPECIFIERS).
const ofHost = /%[aAbBlmMoqvwW]/;

function basisOf({ settings }: InstalledService, text: string): string | undefined {
  if (ofHost.test(text)) return undefined;
  // a new version can have other calls in its groups, such as @system-service
  const { ino, mtimeMs } = lookOr({ ino: 0, mtimeMs: 0 }, () => statSync('/proc/1/exe'));
  const defaults = withDefault.map((name) => settings[name]);
  return createHash('sha256')
    .update(JSON.stringify([text.trimEnd(), defaults, hostname(), ino, mtimeMs]))
    .digest('hex');
}

/** A service that has no drop-in of ours. */
export async function withoutOurs(service: InstalledService): Promise<Unjailed> {
  const text = await unitText(service.unit, '');
  return { service, text, reading: { basis: basisOf(service, text), settings: service.settings } };
}

/**
 * A service as it would be without our drop-in. If nothing has changed since an earlier reading, that is used. Otherwise systemd reads
 * the text under the name of another unit, so the service itself is not changed.
 */
export async function readWithout(unit: string, earlier: Reading | undefined): Promise<Unjailed> {
  const now = await readCurrent(unit);
  const { fragment, isActive } = now;
  if (now.loadState === 'not-found')
    return { service: now, text: '', reading: { basis: undefined, settings: now.settings } };
  const text = await unitText(unit, dropInPath(unit));
  const basis = basisOf(now, text);
  const isKnown = earlier !== undefined && basis !== undefined && earlier.basis === basis;
  const found = isKnown ? fromSettings(earlier.settings, now.inherited) : await readAs(unit, text);
  const loadState = now.loadState === 'loaded' ? found.loadState : now.loadState;
  // systemd derives the user from the name of the unit
  const { User, Group } = now.settings;
  const settings = found.settings.DynamicUser === true ? { ...found.settings, User, Group } : found.settings;
  const service = { ...found, settings, loadState, unit, fragment, isActive };
  return { service, text, reading: isKnown ? earlier : { basis, settings } };
}

// The service as its files are now, even if nobody has told systemd that they have changed.
async function readCurrent(unit: string): Promise<InstalledService> {
  const service = await readService(unit);
  if (service.settings.NeedDaemonReload !== true) return service;
  await reloadUnits();
  return readService(unit);
}

// Has systemd read the text of a unit under another name.
async function readAs(unit: string, text: string): Promise<InstalledService> {
  const [, instance] = /@(.*)\.service$/.exec(unit) ?? [];
  const name = `${temporaryName('look')}${instance === undefined ? '' : `@${instance}`}.service`;
  const path = `/run/systemd/system/${name.replace(/@.*\./, '@.')}`;
  writeHostFile(path, withoutSpecifiers(text, unit));
  try {
    await reloadUnits();
    return await readService(name);
  } finally {
    // systemd itself forgets a unit that nothing uses
    rmSync(path, { force: true });
  }
}

/** systemd reads its units again. */
export async function reloadUnits(): Promise<void> {
  await mustRun('systemctl', ['daemon-reload']);
}

/** The drop-in that is there now; undefined if there is none. */
export const presentDropIn = (unit: string): string | undefined =>
  unless(['ENOENT'], () => readFileSync(dropInPath(unit), 'utf8'));

/** Whether a drop-in is one of ours. */
export const isOurs = (text: string | undefined): boolean =>
  text?.startsWith('# Made by uchroot-service ') === true;

/** Writes the drop-in, or removes it (and its directory, if that is empty), and lets systemd read its units again. */
export async function putDropIn(unit: string, text: string | undefined): Promise<void> {
  const path = dropInPath(unit);
  if (text === undefined) {
    rmSync(path, { force: true });
    unless(['ENOTEMPTY', 'ENOENT'], () => rmdirSync(dirname(path)));
  } else if (text !== presentDropIn(unit)) {
    const bytes = Buffer.from(text).toString('latin1'); // as writeFiles() takes them
    writeFiles([{ path: 'uchroot.conf', mode: 0o644, text: bytes }], dirname(path));
  }
  await reloadUnits();
}
