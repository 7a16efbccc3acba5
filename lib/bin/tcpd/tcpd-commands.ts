// The commands of uchroot-tcpd.
import type { Command } from '../dispatch.ts';
import { check } from './tcpd-check.ts';
import { exportRules } from './tcpd-export.ts';
import { match } from './tcpd-match.ts';
import { run } from './tcpd-run.ts';

/** By name. */
export const tcpdCommands: Readonly<Record<string, Command<undefined>>> = {
  run,
  match,
  check,
  export: exportRules,
};
