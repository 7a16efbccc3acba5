// Finds what would make the start of a service fail, without serving: rules, banner, jail, account, program, addresses.
import { lstatSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';

import { LaunchError, UsageError } from '../errors.ts';
import { findLaunchProblem, planLaunch } from '../launch/tell/dry-run.ts';
import { native } from '../native.ts';
import { verifyIdle } from './idle-watch.ts';
import { MAX_PATH_BYTES, showListenAddress, type ListenAddress } from './listen/listen-address.ts';
import { readBanner } from './banner.ts';
import { DATAGRAM, STREAM, toListenError } from './listen/listening-socket.ts';
import { quote } from '../words/quote.ts';
import type { Services } from './inetd.ts';
import type { ServiceSettings } from './serve-request.ts';
import { sharedRules } from './service-rules.ts';

// The error that bind(2) would give.
const bindError = (code: 'EADDRINUSE' | 'ENAMETOOLONG' | 'ENOTDIR'): Error =>
  Object.assign(new Error(), { code, errno: -constants.errno[code], syscall: 'bind' });

/** @throws LaunchError for an address that bind(2) refuses now. Another listener there is no error: it can be the service itself. */
export function lookAtAddress(address: ListenAddress): void {
  try {
    if (address.kind === 'internet') {
      // Does this host have the address? A datagram socket on a free port disturbs nobody.
      native.closeDescriptor(native.bindInternet({ ...address, type: DATAGRAM, port: 0 }));
    } else if (address.kind === 'unix' && !address.path.startsWith('@')) {
      if (Buffer.byteLength(address.path) > MAX_PATH_BYTES) throw bindError('ENAMETOOLONG');
      if (!statSync(dirname(address.path)).isDirectory()) throw bindError('ENOTDIR');
      if (lstatSync(address.path, { throwIfNoEntry: false })?.isSocket() === false)
        throw bindError('EADDRINUSE');
    }
  } catch (error) {
    throw toListenError(error, address);
  }
}

// The service does not listen yet, so the kernel is asked about another socket of the address.
async function lookAtIdle(address: ListenAddress): Promise<void> {
  if (address.kind !== 'internet') return;
  const fd = native.bindInternet({ ...address, type: STREAM, port: 0 });
  try {
    await verifyIdle({ fd, shown: showListenAddress(address) });
  } finally {
    native.closeDescriptor(fd);
  }
}

/** Why bind(2) would refuse an address now. Another listener there is no reason. */
export function findAddressProblem(address: ListenAddress): LaunchError | undefined {
  try {
    lookAtAddress(address);
    return undefined;
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
}

/** A function that says why a start of a service, or the first connection after it, would fail now; undefined if neither would. */
export function serviceProblems(): (
  settings: ServiceSettings,
) => Promise<UsageError | LaunchError | undefined> {
  const rulesOf = sharedRules();
  return (settings) => findServiceProblem(settings, rulesOf);
}

async function findServiceProblem(
  settings: ServiceSettings,
  rulesOf: ReturnType<typeof sharedRules>,
): Promise<UsageError | LaunchError | undefined> {
  try {
    rulesOf(settings);
    if (settings.banner !== undefined) readBanner(settings.banner);
    settings.listen.forEach(lookAtAddress);
    if (settings.idleMs !== undefined) await Promise.all(settings.listen.map(lookAtIdle));
    return await findLaunchProblem(settings.launch);
  } catch (error) {
    if (error instanceof UsageError || error instanceof LaunchError) return error;
    throw error;
  }
}

/**
 * Plans a launch of each service: the program, its libraries, its filter of system calls. A service with a problem can still be
 * served, since its jail may be completed while it runs.
 *
 * @throws UsageError for a mistake that no change of the jail can mend
 */
export async function foreseeProblems(
  services: Services,
): Promise<readonly (readonly [name: string, problem: unknown])[]> {
  const found: (readonly [name: string, problem: unknown])[] = [];
  for (const [name, { launch }] of services) {
    try {
      const { problem } = await planLaunch(launch);
      if (problem !== undefined) found.push([name, problem]);
    } catch (error) {
      if (error instanceof UsageError)
        throw new UsageError(`${quote(name)}: ${error.message}`, { hint: error.hint });
      found.push([name, error]);
    }
  }
  return found;
}
