// Variables of systemd that name directories of the host: in the jail they have another path, or none. Pure.
import { quote } from '../../quote.ts';
import { absolutePath } from './hostpath.ts';
import type { NormalRequest } from '../request/request.ts';

/** RuntimeDirectory= and its like, and credentials: one path, or several with colons between (systemd.exec(5)). */
export const directoryVariables: readonly string[] = [
  'RUNTIME_DIRECTORY',
  'STATE_DIRECTORY',
  'CACHE_DIRECTORY',
  'LOGS_DIRECTORY',
  'CONFIGURATION_DIRECTORY',
  'CREDENTIALS_DIRECTORY',
];

/** The path of a jail as systemd writes paths; links in it are not followed, and beneath one with `..` nothing lies. latin1. */
export function plainPath(jail: Buffer): string {
  return absolutePath(jail.toString('latin1'));
}

function toJailPath(hostPath: string, jail: string): string | undefined {
  if (hostPath.split('/').includes('..')) return undefined; // it may lead out again
  if (jail === '/') return hostPath;
  if (hostPath === jail) return '/';
  return hostPath.startsWith(`${jail}/`) ? hostPath.slice(jail.length) : undefined;
}

/** What such a variable holds in the jail: the directories beneath it, by their paths there; undefined if none is. */
export function translateDirectories(value: Buffer, jail: string): Buffer | undefined {
  const hostPaths = value.toString('latin1').split(':');
  const paths = hostPaths.flatMap((hostPath) => toJailPath(hostPath, jail) ?? []);
  return paths.length === 0 ? undefined : Buffer.from(paths.join(':'), 'latin1');
}

/** A warning for each such variable that would pass and names a directory outside of the jail. */
export function lostDirectories(
  request: Pick<NormalRequest, 'env' | 'jail' | 'keepEnv' | 'passEnv'>,
  caller: readonly (readonly [name: string, value: Buffer])[],
): readonly { readonly message: string; readonly hint: string }[] {
  const jail = plainPath(request.jail);
  return caller.flatMap(([name, value]) => {
    const passes = request.keepEnv || request.passEnv.includes(name);
    if (!passes || !directoryVariables.includes(name) || request.env.some(([given]) => given === name))
      return [];
    const lost = value
      .toString('latin1')
      .split(':')
      .filter((hostPath) => toJailPath(hostPath, jail) === undefined);
    if (lost.length === 0) return [];
    return [
      {
        message: `environment: ${name}: ${quote(Buffer.from(lost.join(':'), 'latin1'))} is outside the jail, and is left out`,
        hint: `mount it into the jail (BindPaths=), and say where with --setenv ${name}=PATH`,
      },
    ];
  });
}
