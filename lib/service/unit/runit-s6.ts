// Service directories for runit (runsv(8)) and for s6 (s6-supervise, "The service directory").
import { finalStatus, heading, shellLaunch, type Unit, type UnitFile } from './service-unit.ts';

// A service directory of scripts: `run` becomes the program, and its messages go to the log service, which is `log`.
// `finish` runs when the program has ended: `stop`, if another launch would fail in the same way; `isWanted` is a command
// that succeeds as long as the service shall be up.
function serviceDirectory(
  unit: Unit,
  { stop, isWanted, log }: Readonly<Record<'stop' | 'isWanted' | 'log', string>>,
): readonly UnitFile[] {
  const script = (path: string, body: string): UnitFile => {
    return { path: `${unit.name}/${path}`, mode: 0o755, text: `#!/bin/sh\n${heading(unit)}${body}\n` };
  };
  return [
    script('run', `exec 2>&1\nexec ${shellLaunch(unit)}`),
    script(
      'finish',
      `case $1 in
# a launch that has failed, and would fail again
${finalStatus}) ${stop} ;;
0) ${isWanted} && echo "the program has ended; if it went into the background, it has to stay in the foreground" ;;
esac
exit 0`,
    ),
    script('log/run', `mkdir -p /var/log/${unit.name} && exec ${log} /var/log/${unit.name}`),
  ];
}

/** A directory with run, finish and a log service. */
export function runitFiles(unit: Unit): readonly UnitFile[] {
  return serviceDirectory(unit, {
    // as `sv down` does; sv(8) itself would wait for the end of this script (runsv(8), CONTROL)
    stop: 'printf d >supervise/control',
    isWanted: "! grep -q 'want down' supervise/stat",
    log: 'svlogd -tt',
  });
}

// The first descriptor after 0 to 2. uchroot closes all others.
const readyDescriptor = 3;

/** A directory with run, finish and a log service, and a descriptor on which the program says that it is ready. */
export function s6Files(unit: Unit): readonly UnitFile[] {
  const options = unit.notify ? [...unit.options, `--preserve-fds=${readyDescriptor}`] : unit.options;
  const ready: UnitFile = { path: `${unit.name}/notification-fd`, mode: 0o644, text: `${readyDescriptor}\n` };
  const files = serviceDirectory(
    { ...unit, options },
    {
      // 125 is a permanent failure: s6 does not start it again
      stop: 'exit 125',
      isWanted: '[ "$(s6-svstat -o wantedup .)" = true ]',
      log: 's6-log -b n10 s1000000 T',
    },
  );
  return unit.notify ? [...files.slice(0, 2), ready, ...files.slice(2)] : files;
}
