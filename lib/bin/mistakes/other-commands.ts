// Commands of uchroot's other programs, of docker(1) and of jail(8), which were given to uchroot.
import type { Foreign } from '../../words/nearest.ts';
import { commandLine } from '../../words/shell-word.ts';
import { foreignJailCommands } from './foreign-jail-words.ts';

/** Commands of uchroot-jail(8). */
export const jailCommands = new Set(['build', 'update', 'clone', 'check', 'list', 'explain', 'remove']);
/** Commands of the other programs, with their program. */
export const otherCommands: Readonly<Record<string, string>> = {
  adopt: 'uchroot-service',
  release: 'uchroot-service',
  reload: 'uchroot-service',
  status: 'uchroot-service',
  match: 'uchroot-tcpd',
  export: 'uchroot-tcpd',
  import: 'uchroot-inetd',
};
/** Words of other programs for a launch, which is no command of uchroot. */
export const starters = new Set(['run', 'exec', 'start', 'shell', 'enter']);
/** Commands that start another one, and stand where USER does. What follows them is meant for uchroot. */
export const wrappers = new Set(['sudo', 'doas', 'env', 'nohup', 'setsid', 'uchroot']);

const running = 'ps and pgrep show it: the program keeps the pid of uchroot, and nothing of uchroot is left';
const signalled = 'kill PID ends it: the program keeps the pid of uchroot';
const noImages = 'a jail is built from the programs of this host: uchroot-jail build DIRECTORY PROGRAM...';

// Commands of docker(1) and jls(8).
const ofDocker: Foreign = {
  ps: running,
  top: running,
  stats: running,
  jls: running,
  inspect: running,
  attach: running,
  stop: signalled,
  kill: signalled,
  restart: signalled,
  cp: 'a jail is a directory: cp FILE DIRECTORY/PATH',
  logs: 'what the program writes goes where uchroot writes: >FILE',
  images: noImages,
  image: noImages,
  pull: noImages,
  push: noImages,
  load: noImages,
  compose:
    'uchroot --unit systemd makes a service of a launch, and uchroot-inetd --config FILE serves several',
};

// These are names of programs as well.
const programs = new Set(['ls', 'mv', 'diff', 'sync', 'install', 'info', 'why', 'file']);

/** The hint for a command of another program that stands where USER does. */
export function commandOfOther(command: string, rest: readonly string[]): string | undefined {
  if (Object.hasOwn(ofDocker, command)) return ofDocker[command];
  if (programs.has(command) || !Object.hasOwn(foreignJailCommands, command)) return undefined;
  const ours = foreignJailCommands[command] ?? '';
  return ours.includes(' ') ? ours : commandLine('uchroot-jail', ours, ...rest);
}
