// A service directory for runit: runsv(8).
import { shellLaunch } from './shell.ts';
import { finalStatuses, heading, type Unit, type UnitFile } from './unit.ts';

/** The script that becomes the program; messages go where the directory's log service reads. */
export function runScript(unit: Unit): UnitFile {
  const path = `${unit.name}/run`;
  return {
    path,
    mode: 0o755,
    text: `#!/bin/sh
${heading(unit)}exec 2>&1
exec ${shellLaunch(unit)}
`,
  };
}

/** The script that is run when the program has ended, and does `command` where another try would end the same. */
export function finishScript(unit: Unit, command: string): UnitFile {
  const path = `${unit.name}/finish`;
  return {
    path,
    mode: 0o755,
    text: `#!/bin/sh
${heading(unit)}# usage, unknown user, not root, cannot be executed, not found: another try would end the same
case $1 in ${finalStatuses.join(' | ')}) ${command} ;; esac
exit 0
`,
  };
}

/** The script that writes to a log what the program says. */
export function logScript(unit: Unit, command: string): UnitFile {
  const path = `${unit.name}/log/run`;
  return {
    path,
    mode: 0o755,
    text: `#!/bin/sh
${heading(unit)}mkdir -p /var/log/${unit.name} && exec ${command} /var/log/${unit.name}
`,
  };
}

/** A directory with run, finish and a log service. */
export function runitFiles(unit: Unit): readonly UnitFile[] {
  return [
    runScript(unit),
    // what `sv down` writes, which itself would wait for the end of this script (runsv(8), CONTROL)
    finishScript(unit, 'printf d >supervise/control'),
    logScript(unit, 'svlogd -tt'),
  ];
}
