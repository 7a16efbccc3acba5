// A service directory for runit: runsv(8).
import { shellLaunch } from './shell.ts';
import { finalStatus, heading, type Unit, type UnitFile } from './unit.ts';

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

/**
 * The script that is run when the program has ended, and does `command` where another launch would fail in the same way.
 *
 * @param isWanted a command that succeeds while the service is to be up
 */
export function finishScript(unit: Unit, command: string, isWanted: string): UnitFile {
  const path = `${unit.name}/finish`;
  return {
    path,
    mode: 0o755,
    text: `#!/bin/sh
${heading(unit)}case $1 in
# a launch that has failed, and would fail again
${finalStatus}) ${command} ;;
0) ${isWanted} && echo "the program has ended; if it went into the background, it has to stay in the foreground" ;;
esac
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
    finishScript(unit, 'printf d >supervise/control', "! grep -q 'want down' supervise/stat"),
    logScript(unit, 'svlogd -tt'),
  ];
}
