// The process that reports what a program was denied (native/launcher/denials.h): its start, and what it has told.
import { readFileSync } from 'node:fs';

import type { Denied } from '../../errors.ts';
import { launcherPath, native } from '../../native.ts';
import { readMounts } from '../../tree/mountinfo.ts';
import { bytePath, pathBytes } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import type { Account } from '../host/account.ts';
import { launchFilter } from '../host/launch-filter.ts';
import type { NormalRequest } from '../request/request.ts';
import { ignored, piped } from '../request/stdio.ts';
import { reportData } from '../seccomp/path-calls.ts';
import type { FilteredArchitecture } from '../seccomp/call-table.ts';
import { toDenied, type Denial, type Reported } from '../tell/grant.ts';
import type { Launch } from '../plan/launch.ts';
import type { JailedProcess } from '../process/process.ts';
import { warnOnce } from '../tell/launch-warnings.ts';
import { startPlain } from './host-program.ts';

// A look there can wait for a server, or mounts something. What the program can write has links that it chose itself.
const remote = /^(?:autofs|nfs|cifs|smb|fuse|ceph|afs|gluster|lustre)/;

const avoided = ({ jail, view }: NormalRequest): readonly Buffer[] => [
  ...readMounts(readFileSync('/proc/self/mountinfo'))
    .filter(({ type, point }) => remote.test(type) && point !== '/')
    .map(({ point }) => pathBytes(point)),
  ...[
    jail,
    ...view.flatMap((one) =>
      one.kind === 'workspace' || (one.kind === 'bind' && !one.readOnly) ? [one.source] : [],
    ),
  ].filter((path) => path.length > 1),
];

// linux/capability.h: rights to files, which decide with the ids
const fileRights = new Set([1, 2, 3]);

/** What the words of a report need. */
export const reported = ({ jail, view, caps, ephemeral }: NormalRequest, account: Account): Reported => ({
  jail: quote(jail),
  user: account.name ?? `uid ${account.uid}`,
  uid: account.uid,
  groups: [account.gid, ...account.groups],
  hasRights: account.uid === 0 || caps.some((one) => fileRights.has(one)),
  made:
    ephemeral === undefined
      ? view.flatMap(({ kind, target }) => (kind === 'tmpfs' ? [bytePath(target)] : []))
      : ['/'],
  binds: view.flatMap((one) =>
    one.kind === 'bind' && one.readOnly ? [[bytePath(one.source), bytePath(one.target)] as const] : [],
  ),
});

/** The words of the process for a launch. */
export function reporterWords(request: NormalRequest, account: Account): readonly string[] {
  const { plain = Buffer.alloc(0) } = launchFilter(request, account, process.arch);
  const data = reportData(plain, process.arch as FilteredArchitecture, avoided(request)).toString('hex');
  const { uid, gid, groups, outside } = account;
  // without other ids inside, the program is the caller
  if (outside !== undefined && outside.maps === undefined) return [data, '', '', '', '', ''];
  const rights = request.caps.filter((one) => fileRights.has(one)).reduce((all, one) => all | (1 << one), 0);
  return [data, ...[uid, gid, rights, groups.join(',')].map(String), outside === undefined ? '' : 'in'];
}

// struct Denial
const recordBytes = 20;
const kinds = ['call', 'missing', 'path', 'files', 'end'] as const;

// Undefined without the last record: the process was ended before the program.
function readRecords(bytes: Buffer): readonly Denial[] | undefined {
  const denials: Denial[] = [];
  for (let at = 0; at + recordBytes <= bytes.length;) {
    const kind = kinds[bytes.readUInt8(at)];
    if (kind === undefined) return undefined;
    const length = bytes.readUInt32LE(at + 16);
    const start = at + recordBytes;
    denials.push({
      kind,
      errno: bytes.readUInt16LE(at + 2),
      needs: bytes.readUInt8(at + 1),
      architecture: bytes.readUInt32LE(at + 4),
      number: bytes.readUInt32LE(at + 8),
      count: bytes.readUInt32LE(at + 12),
      path: bytes.subarray(start, start + length),
    });
    if (kind === 'end') return denials;
    at = start + length;
  }
  return undefined;
}

/**
 * Starts the process, which closes nothing of the program: if it ends early, all further calls of the program that it should hear of fail
 * with ENOSYS, so the program must be ended then.
 *
 * @param listener a descriptor, which is closed
 * @returns what the program was denied, once all its processes have ended; undefined if the reporting process was ended before
 */
export async function reportDenials(
  words: readonly string[],
  listener: number,
  launch: Reported,
): Promise<readonly Denied[] | undefined> {
  const argv = ['uchroot', 'report', ...words].map((word) => Buffer.from(word));
  const child = startPlain({
    program: Buffer.from(launcherPath()),
    argv,
    env: [],
    stdio: [listener, piped, ignored],
  });
  native.closeDescriptor(listener);
  try {
    await child.started;
    const parts: Buffer[] = [];
    for await (const part of child.output() as AsyncIterable<Buffer>) parts.push(part);
    const denials = readRecords(Buffer.concat(parts));
    return denials === undefined ? undefined : toDenied(denials, launch);
  } catch {
    return undefined;
  }
}

/** The same for a program beside this process, which is ended with the one that reports. */
export async function reportWhile(
  program: Pick<JailedProcess, 'kill'>,
  { request, account }: Pick<Launch, 'request' | 'account'>,
  listener: number,
  tell: (denied: Denied) => void,
): Promise<void> {
  const words = reporterWords(request, account);
  const denied = await reportDenials(words, listener, reported(request, account));
  for (const one of denied ?? []) tell(one);
  if (denied !== undefined) return;
  program.kill('SIGKILL');
  const message = 'the process that reports what a program is denied was ended, and so the program was';
  warnOnce([{ message, hint: 'dmesg tells whether memory was short' }]);
}
