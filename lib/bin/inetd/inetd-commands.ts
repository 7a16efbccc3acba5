// The commands of uchroot-inetd that have a name. Without one it serves (inetd-serve.ts).
import type { Command } from '../dispatch.ts';
import { check, importFiles, schema } from './inetd-config.ts';
import { status } from './inetd-status.ts';

/** By name. */
export const inetdCommands: Readonly<Record<string, Command<undefined>>> = {
  status,
  check,
  import: importFiles,
  schema,
};
