// Words that people know from inetd, xinetd, tcpserver and systemd, for the hint of an unknown option or command of uchroot-inetd.
import type { Foreign } from '../../words/nearest.ts';
import { foreignOptions } from './foreign-options.ts';

const CHECK = 'write check before the options: uchroot-inetd check --listen ADDRESS ...';

export const foreignInetdOptions: Foreign = {
  ...foreignOptions,
  // uchroot(8) has them
  check: CHECK,
  plan: CHECK,
  'dry-run': CHECK,
  test: CHECK,
  f: 'config',
  file: 'config',
  port: 'listen',
  p: 'listen',
  bind: 'listen',
  l: 'listen',
  o: 'leave it out: what is printed goes where the shell says: >FILE',
  output: 'leave it out: what is printed goes where the shell says: >FILE',
  accept: 'leave it out: each connection has its own program, unless --wait is given',
  nowait: 'leave it out: each connection has its own program, unless --wait is given',
  // systemd.socket(5)
  'max-connections': 'instances',
  'max-connections-per-source': 'per-source',
  // tcpserver, xinetd.conf(5)
  c: 'instances',
  cps: 'rate',
  R: 'rate',
  x: 'hosts-allow',
  deny: 'hosts-deny',
  'only-from': 'write a rule into the file of --hosts-allow',
  'no-access': 'write a rule into the file of --hosts-deny',
  'log-format': 'log',
  'pid-file': 'leave it out: it stays in the foreground, so a shell has its pid in $!, and systemd knows it',
  pidfile: 'leave it out: it stays in the foreground, so a shell has its pid in $!, and systemd knows it',
};

export const foreignInetdCommands: Foreign = {
  convert: 'import',
  itox: 'import',
  test: 'check',
  lint: 'check',
  validate: 'check',
  list: 'status',
  metrics: 'write status --metrics',
  serve: 'leave it out: uchroot-inetd --listen ADDRESS or --config FILE serves',
  run: 'leave it out: uchroot-inetd --listen ADDRESS or --config FILE serves',
  start: 'leave it out: uchroot-inetd --listen ADDRESS or --config FILE serves',
  reload: 'send SIGHUP to it',
  restart: 'send SIGHUP to it: it reads its configuration again, and keeps connections',
  stop: 'send SIGTERM to it',
};
