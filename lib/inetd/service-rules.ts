// The files of rules of a service.
import { statSync } from 'node:fs';

import { meantPath } from '../tree/misspelt-path.ts';
import { Hosts } from '../tcpwrappers/hosts.ts';
import type { Table } from '../tcpwrappers/rule/rule-table.ts';
import { UsageError } from '../errors.ts';
import { fileError } from '../values/file-error.ts';
import { remember } from '../values/remember.ts';
import type { ServiceSettings } from './serve-request.ts';

const UNUSABLE: ReadonlySet<string> = new Set(['is-a-directory', 'not-a-file', 'file-refused']);

/**
 * Opens the files of rules. The default files need not be there, but a file that is named must, also later: without hosts.deny everybody
 * is let in.
 *
 * @throws LaunchError, UsageError
 */
function openRules({ hostsAllow, hostsDeny }: Pick<ServiceSettings, 'hostsAllow' | 'hostsDeny'>): Hosts {
  if (hostsAllow !== undefined) refuseMissing('hosts-allow', hostsAllow);
  if (hostsDeny !== undefined) refuseMissing('hosts-deny', hostsDeny);
  const named = { ...(hostsAllow && { allow: hostsAllow }), ...(hostsDeny && { deny: hostsDeny }) };
  const hosts = new Hosts(named, Object.keys(named) as (keyof typeof named)[]);
  const { allow, deny } = hosts.tables;
  if (hostsAllow !== undefined) refuseUnusable('hosts-allow', allow);
  if (hostsDeny !== undefined) refuseUnusable('hosts-deny', deny);
  return hosts;
}

const nameOf = (path: Buffer | undefined): string => path?.toString('latin1') ?? '';

/** The same, and services with the same files share what is read of them. */
export function sharedRules(): typeof openRules {
  const known = new Map<string, Hosts>();
  return (settings) => {
    const { hostsAllow, hostsDeny } = settings;
    return remember(known, `${nameOf(hostsAllow)}\0${nameOf(hostsDeny)}`, () => openRules(settings));
  };
}

function refuseMissing(what: string, path: Buffer): void {
  try {
    statSync(path);
  } catch (error) {
    throw fileError(what, path, error, meantPath(path, `make the file, or name the right one (--${what})`));
  }
}

// A directory, a pipe, a file that is too large: every client would be denied.
function refuseUnusable(what: string, { findings }: Table): void {
  const wrong = findings.find(({ code }) => UNUSABLE.has(code));
  if (wrong !== undefined)
    throw new UsageError(`${what}: ${wrong.message}`, { hint: `name a file with --${what}` });
}
