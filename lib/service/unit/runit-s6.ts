// Service directories for runit (runsv(8)) and for s6 (s6-supervise, "The service directory").
import { finalStatus, heading, shellLaunch, type Unit, type UnitFile } from './service-unit.ts';

// The script that becomes the program. Its messages go to the log service of the directory.
function runScript(unit: Unit): UnitFile {
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

// The script that runs when the program has ended. It runs `command` if another launch would fail in the same way;
// `isWanted` is a command that succeeds as long as the service shall be up.
function finishScript(unit: Unit, command: string, isWanted: string): UnitFile {
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

// The script of the log service.
function logScript(unit: Unit, command: string): UnitFile {
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
    // as `sv down` does; sv(8) itself would wait for the end of this script (runsv(8), CONTROL)
    finishScript(unit, 'printf d >supervise/control', "! grep -q 'want down' supervise/stat"),
    logScript(unit, 'svlogd -tt'),
  ];
}

// The first descriptor after 0 to 2. uchroot closes all others.
const readyDescriptor = 3;

/** A directory with run, finish and a log service, and a descriptor on which the program says that it is ready. */
export function s6Files(unit: Unit): readonly UnitFile[] {
  const options = unit.notify ? [...unit.options, `--preserve-fds=${readyDescriptor}`] : unit.options;
  const ready: UnitFile = { path: `${unit.name}/notification-fd`, mode: 0o644, text: `${readyDescriptor}\n` };
  return [
    runScript({ ...unit, options }),
    // 125 is a permanent failure: s6 does not start it again
    finishScript(unit, 'exit 125', '[ "$(s6-svstat -o wantedup .)" = true ]'),
    ...(unit.notify ? [ready] : []),
    logScript(unit, 's6-log -b n10 s1000000 T'),
  ];
}
