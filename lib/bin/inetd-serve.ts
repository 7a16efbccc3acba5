// uchroot-inetd: serves one service that options describe, or those of a configuration.
import { basename } from 'node:path';

import { UsageError } from '../errors.ts';
import { runDaemon } from '../inetd/daemon.ts';
import type { Services } from '../inetd/inetd.ts';
import { serveOptions, toServeRequest } from '../inetd/serve-options.ts';
import { normalizeServe } from '../inetd/serve-request.ts';
import { toArgument, type ReadArguments } from './arguments.ts';
import type { Command } from './dispatch.ts';
import { absolute, launchOptions } from './uchroot-options.ts';

const isOfUchroot = new Set(launchOptions().map(({ name }) => name));
const [own, ofUchroot] = [false, true].map((isTheirs) =>
  serveOptions().filter(({ name }) => isOfUchroot.has(name) === isTheirs),
);

export const serve: Command<undefined> = {
  synopsis:
    '--listen ADDRESS [OPTION]... [OPTION of uchroot]... USER[:GROUP] DIRECTORY PROGRAM [ARGUMENT]...',
  summary:
    'starts PROGRAM in its jail for each connection that the rules grant, with the connection as its descriptors 0 to 2',
  options: own ?? [],
  unlisted: ofUchroot ?? [],
  statuses: '0 ended by a signal, with no connection left; 125 to 127 as uchroot.',
  operands: [3, Infinity],
  startsProgram: true,
  failureStatus: 125,
  run: async (read) => {
    await runDaemon({ read: (isActivated) => toServices(read, isActivated) });
    return '';
  },
};

// One service, with the name of its program.
function toServices({ options, operands }: ReadArguments, isActivated: boolean): Services {
  const [user, jail, program, ...args] = operands.map(({ bytes }) => bytes);
  if (user === undefined || jail === undefined || program === undefined)
    throw new UsageError('USER, DIRECTORY and PROGRAM are missing');
  const isListening = options.some(([name]) => name === 'listen');
  const given =
    isListening || !isActivated
      ? options
      : [['listen', toArgument(Buffer.from('systemd'))] as const, ...options];
  const request = toServeRequest(given, { user: user.toString(), jail: absolute(jail), program, args });
  if (request.listen === undefined)
    throw new UsageError('no address to listen on', {
      hint: 'give one with --listen, or start it by a .socket unit of systemd',
    });
  const settings = normalizeServe(request);
  return new Map([[settings.daemon || basename(program.toString()), settings]]);
}
