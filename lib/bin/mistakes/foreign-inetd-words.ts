// Words of inetd, xinetd, tcpserver and systemd that have one counterpart here, for the hint of an unknown option or command of uchroot-inetd.
import { pairs, type Foreign } from '../../words/nearest.ts';
import { foreignOptions } from './foreign-options.ts';

export const foreignInetdOptions: Foreign = {
  ...foreignOptions,
  ...pairs(`f:config file:config port:listen p:listen bind:listen l:listen c:instances R:rate cps:rate x:hosts-allow deny:hosts-deny
    max-connections:instances max-connections-per-source:per-source log-format:log`),
  check: 'check stands before the options: uchroot-inetd check --listen ADDRESS ...',
  plan: 'check stands before the options: uchroot-inetd check --listen ADDRESS ...',
  'dry-run': 'check stands before the options: uchroot-inetd check --listen ADDRESS ...',
};

export const foreignInetdCommands: Foreign = {
  ...pairs('convert:import itox:import test:check lint:check validate:check list:status'),
  metrics: 'uchroot-inetd status --metrics',
};
