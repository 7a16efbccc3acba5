// Service directories for runit (runsv(8)) and for s6 (s6-supervise, "The service directory").
import { scriptLine } from '../../words/shell-word.ts';
import { finalStatus, heading, launchWords, type Unit, type UnitFile } from './service-unit.ts';

const supervisors = {
  runit: {
    // as `sv down` does; sv(8) itself would wait for the end of this script (runsv(8), CONTROL)
    stop: 'printf d >supervise/control',
    isWanted: "! grep -q 'want down' supervise/stat",
    log: 'svlogd -tt',
  },
  s6: {
    // 125 is a permanent failure: s6 does not start it again
    stop: 'exit 125',
    isWanted: '[ "$(s6-svstat -o wantedup .)" = true ]',
    log: 's6-log -b n10 s1000000 T',
  },
} as const;

interface Supervised {
  readonly name: string;
  /** The comment on top of each script. */
  readonly heading: string;
  readonly words: readonly string[];
  /** Exit statuses after which another start would fail too, as a pattern of sh(1). */
  readonly final: string;
  /** It must not put itself into the background. */
  readonly staysInFront: boolean;
}

/** A directory of scripts: `run` becomes the program, `finish` runs when that has ended, and its messages go to `log/run`. */
export function serviceDirectory(
  format: keyof typeof supervisors,
  { name, heading, words, final, staysInFront }: Supervised,
): readonly UnitFile[] {
  const { stop, isWanted, log } = supervisors[format];
  const script = (path: string, body: string): UnitFile => {
    return { path: `${name}/${path}`, mode: 0o755, text: `#!/bin/sh\n${heading}${body}\n` };
  };
  const ended = `0) ${isWanted} && echo "the program has ended; if it went into the background, it has to stay in the foreground" ;;\n`;
  return [
    script('run', `exec 2>&1\nexec ${scriptLine(words)}`),
    script(
      'finish',
      `case $1 in
# another start would fail too
${final}) ${stop} ;;
${staysInFront ? ended : ''}esac
exit 0`,
    ),
    script('log/run', `mkdir -p /var/log/${name} && exec ${log} /var/log/${name}`),
  ];
}

const supervised = (unit: Unit): Supervised => ({
  name: unit.name,
  heading: heading(unit),
  words: [...unit.command, ...launchWords(unit)],
  final: String(finalStatus),
  staysInFront: true,
});

export const runitFiles = (unit: Unit): readonly UnitFile[] => serviceDirectory('runit', supervised(unit));

// The first descriptor after 0 to 2. uchroot closes all others.
const readyDescriptor = 3;

/** The directory also has a descriptor on which the program says that it is ready. */
export function s6Files(unit: Unit): readonly UnitFile[] {
  if (!unit.notify) return serviceDirectory('s6', supervised(unit));
  const options = [...unit.options, `--preserve-fds=${readyDescriptor}`];
  const ready: UnitFile = { path: `${unit.name}/notification-fd`, mode: 0o644, text: `${readyDescriptor}\n` };
  return [...serviceDirectory('s6', supervised({ ...unit, options })), ready];
}
