// From a unit to the files of its init system, or to the reason why there cannot be such a unit.
import { openrcFiles } from './openrc.ts';
import { runitFiles } from './runit.ts';
import { s6Files } from './s6.ts';
import { systemdFiles, systemdRefusal } from './systemd.ts';
import { sysvFiles } from './sysv.ts';
import type { Format, Unit, UnitFile } from './unit.ts';

const generators: Readonly<Record<Format, (unit: Unit) => readonly UnitFile[]>> = {
  systemd: systemdFiles,
  openrc: openrcFiles,
  sysv: sysvFiles,
  runit: runitFiles,
  s6: s6Files,
};

/** The files that perform the launch of a unit that is not refused. */
export function unitFiles(unit: Unit): readonly UnitFile[] {
  return generators[unit.format](unit);
}

/** An option that the init system can do nothing with, and why; undefined if there is none. */
export function findRefusal(unit: Unit): string | undefined {
  const { format } = unit;
  if (format === 'systemd') return systemdRefusal(unit);
  if (unit.listen.length > 0)
    return `--listen: ${format} opens no sockets for a program; let it bind itself, with --cap net_bind_service below port 1024`;
  if (unit.watchdogSec !== undefined) return `--watchdog: ${format} has no watchdog`;
  if (unit.syslog)
    return `--syslog: ${format} mounts nothing into a jail; let the daemon of the log listen in the jail as well, at dev/log`;
  if (unit.notify && format !== 's6') return `--notify: ${format} does not wait for a program to be ready`;
  if (unit.reloadSignal !== undefined && (format === 'runit' || format === 's6'))
    return `--reload-signal: ${format} sends any signal itself: ${format === 'runit' ? 'sv hup' : 's6-svc -h'}`;
  if (format === 'sysv' && unit.options.includes('--die-with-parent'))
    return '--die-with-parent: the script of sysv that starts the program ends at once';
  return undefined;
}
