// Records what a compiled launcher will check: the paths to the jail and to the pid file, without links.
import { fstatSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { ENOENT } from '../../words/errno-numbers.ts';
import { LaunchError } from '../../errors.ts';
import { native, type PathComponent, type PathFacts } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import type { Account } from '../host/account.ts';
import {
  absolutePath,
  acceptDirectory,
  judgeDirectory,
  unreachable,
  type DirectoryFinding,
} from '../host/directory.ts';
import { readingKernel } from '../host/kernel-file.ts';
import type { Component, RecordedJail, RecordedPidFile } from './payload.ts';
import { judgePidDirectory } from '../start/pidfile.ts';
import type { NormalRequest } from '../request/request.ts';

type Judged = Pick<NormalRequest, 'insecurePath' | 'pidFile'>;

/** The path of an open jail with links resolved: the launcher does not follow the original links again. */
export function recordJail(jailFd: number, account: Account, { insecurePath }: Judged): RecordedJail {
  return withWay(jailFd, (facts) => {
    acceptDirectory(judgeDirectory(facts, account), insecurePath);
    const { ino, birthtimeNs, dev } = fstatSync(facts.fd, { bigint: true });
    return {
      components: facts.components.map(toComponent),
      identity: { inode: ino, birthTimeNs: birthtimeNs, device: dev },
    };
  });
}

/**
 * The same for the directory of the pid file. If it does not exist yet because the boot creates it, root must own it, with mode
 * 0755.
 */
export function recordPidFile(
  account: Account,
  { pidFile, insecurePath }: Judged,
  warn: (warning: DirectoryFinding) => void,
): RecordedPidFile | undefined {
  if (pidFile === undefined) return undefined;
  const path = absolutePath(pidFile);
  const missing: Component[] = [];
  let directory = dirname(path);
  let facts = native.walkPathSync(directory);
  for (; facts.walkErrno === ENOENT && directory !== '/'; facts = native.walkPathSync(directory)) {
    missing.unshift({
      name: Buffer.from(basename(directory)),
      shown: quote(directory),
      mode: 0o755,
      uid: 0,
      gid: 0,
    });
    directory = dirname(directory);
  }
  if (facts.fd < 0) throw unreachable(facts);
  try {
    judgePidDirectory(facts, account, insecurePath).forEach(warn);
    const way = withWay(facts.fd, ({ components }) => components.map(toComponent));
    return { way: [...way, ...missing], name: Buffer.from(basename(path)), shown: quote(path) };
  } finally {
    native.closeDescriptor(facts.fd);
  }
}

function withWay<T>(fd: number, use: (facts: PathFacts) => T): T {
  const path = readingKernel('jail', () => readlinkSync(`/proc/self/fd/${fd}`, 'buffer'));
  const facts = native.walkPathSync(path);
  if (facts.fd < 0) throw unreachable(facts);
  try {
    const [seen, found] = [fd, facts.fd].map((each) => fstatSync(each, { bigint: true }));
    if (seen === undefined || found === undefined || seen.ino !== found.ino || seen.dev !== found.dev)
      throw new LaunchError(`jail: ${quote(path)}: was replaced meanwhile`, { step: 'jail', code: 'EBUSY' });
    return use(facts);
  } finally {
    native.closeDescriptor(facts.fd);
  }
}

function toComponent({ path, mode, uid, gid, acl }: PathComponent): Component {
  const name = Buffer.from(path.length === 1 ? path : path.subarray(path.lastIndexOf(0x2f) + 1));
  return { name, shown: quote(path), mode, uid, gid, acl };
}
