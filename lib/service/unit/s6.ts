// A service directory for s6: s6-supervise, "The service directory".
import { finishScript, logScript, runScript } from './runit.ts';
import type { Unit, UnitFile } from './unit.ts';

// 0 to 2 are in use, and uchroot closes all others but this.
const readyDescriptor = 3;

/** A directory with run, finish and a log service; with a descriptor on which the program says that it is ready. */
export function s6Files(unit: Unit): readonly UnitFile[] {
  const options = unit.notify ? [...unit.options, `--preserve-fds=${readyDescriptor}`] : unit.options;
  const ready: UnitFile = { path: `${unit.name}/notification-fd`, mode: 0o644, text: `${readyDescriptor}\n` };
  return [
    runScript({ ...unit, options }),
    // a permanent failure, after which it is not started again
    finishScript(unit, 'exit 125', '[ "$(s6-svstat -o wantedup .)" = true ]'),
    ...(unit.notify ? [ready] : []),
    logScript(unit, 's6-log -b n10 s1000000 T'),
  ];
}
