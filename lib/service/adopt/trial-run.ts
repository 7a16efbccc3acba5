// Starts the daemon of a service in its new jail, beside the running service, and ends it again.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { JailError } from '../../errors.ts';
import { isWithin } from '../../tree/path.ts';
import { runHost } from './host-command.ts';
import { makeHostDirectory } from './host-file.ts';
import { lastFailure, pollFor, watchTime, withStarted, wordsInLogs, wordsOfRun } from './running.ts';
import { propertiesOf } from './systemd-bus.ts';
import { type Known, needsHint } from './tell/remedy.ts';
import { runCopy, type Trial } from './trial.ts';

const most = { entries: 20_000, bytes: 256 * 2 ** 20 };

// du(1) of some paths. Undefined if a file is gone before it was looked at.
async function sum(paths: readonly string[], ...kind: readonly string[]): Promise<number | undefined> {
  if (paths.length === 0) return 0;
  const words = ['--summarize', '--total', '--one-file-system', ...kind, '--', ...paths];
  const { status, stdout } = await runHost('du', words);
  return status === 0 ? Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1]) : undefined;
}

const changing = 'its data change while they are copied, or have links';

// The sockets of the host that somebody can reach at their paths (proc_net(5)).
const socketPaths = (): readonly string[] =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .flatMap((line) => / (\/\S*)$/.exec(line)?.[1] ?? []);

/** Why the data cannot be copied, or would not be all that it works on; undefined if they can be. */
async function obstacle({ copied, shared, place }: Trial): Promise<string | undefined> {
  const socket = socketPaths().find((path) => shared.some((top) => isWithin(path, top)));
  if (socket !== undefined) return `it sees ${socket}, a socket of the host`;
  const there = copied.filter((path) => existsSync(path));
  const other = there.find((path) => !statSync(path).isDirectory() && !statSync(path).isFile());
  if (other !== undefined) return `it sees ${other}, which has no copy`;
  const data = there.filter((path) => !isWithin(path, '/run')).map((path) => realpathSync(path));
  const [bytes, entries] = [
    await sum(data, '--apparent-size', '--block-size=1'),
    await sum(data, '--inodes'),
  ];
  if (bytes === undefined || entries === undefined) return changing;
  if (bytes > most.bytes || entries > most.entries)
    return `its data have more than ${most.bytes / 2 ** 20} MiB or ${most.entries} files`;
  const { bavail, bsize } = statfsSync(dirname(place));
  return bytes * 4 > bavail * bsize ? 'the disk has too little space for copies of its data' : undefined;
}

// An empty directory with the owner and mode of another one.
function makeLike(directory: string, copy: string): void {
  const { uid, gid, mode } = statSync(directory);
  mkdirSync(copy, { recursive: true });
  chownSync(copy, uid, gid);
  chmodSync(copy, mode);
}

// @returns whether all is copied. Its pid files and sockets are those of the running service, and are left out.
async function copyAll({ copied, place }: Trial): Promise<boolean> {
  makeHostDirectory(place, 0o700);
  const words = ['--archive', '--one-file-system', '--no-target-directory', '--'];
  const copy = async (from: string, to: string): Promise<boolean> =>
    (await runHost('cp', [...words, realpathSync(from), to])).status === 0;
  if (!(await copy(`${dirname(place)}/jail/run`, `${place}/${runCopy}`))) return false;
  const isInOther = (path: string): boolean =>
    copied.some((other) => other !== path && isWithin(path, other));
  for (const path of copied.filter((one) => existsSync(one)).toSorted()) {
    mkdirSync(dirname(`${place}${path}`), { recursive: true });
    if (isWithin(path, '/run') && statSync(path).isDirectory()) makeLike(path, `${place}${path}`);
    else if ((isWithin(path, '/run') || !isInOther(path)) && !(await copy(path, `${place}${path}`)))
      return false;
  }
  // systemd would follow a link to the data themselves
  const top = realpathSync(place);
  const isPlain = (path: string): boolean =>
    !existsSync(`${place}${path}`) || realpathSync(`${place}${path}`) === `${top}${path}`;
  if (!copied.every(isPlain)) return false;
  const kinds = '-name *.pid -type f -o -type s -o -type p -o -type b -o -type c'.split(' ');
  return (await runHost('find', [place, '-xdev', '(', ...kinds, ')', '-delete'])).status === 0;
}

// What a daemon says that misses the network, and what one says that finds another daemon.
const ofTrial =
  /assign requested address|network is (unreachable|down)|no route to host|name resolution|connection (refused|timed out)|could ?n.t resolve|(unknown|unresolvable) host|host not found|no such device|already (running|in use|locked)|resource temporarily unavailable|EADDRNOTAVAIL|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTFOUND/i;

// @returns what it has said if it did not come up
async function startAndWatch(
  unit: string,
  { text, watchMs, copied, place }: Trial,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const sinceMs = Date.now();
  return withStarted('trial', text, unit, signal, async (name, { status, stderr }) => {
    const isDown = async (): Promise<boolean> =>
      (await propertiesOf(name, 'ActiveState')).ActiveState !== 'active';
    const limitMs = status === 0 ? await watchTime(name, { watchMs }) : 0;
    if (status === 0 && !(await pollFor(limitMs, isDown, signal))) return undefined;
    const reason = (await lastFailure(name)) ?? (stderr.trim().split('\n')[0] || 'it has ended');
    const said = [reason, await wordsOfRun(name), ...wordsInLogs(copied, sinceMs, place)];
    return said.filter((words) => words !== '').join('\n');
  });
}

/**
 * Carries a trial out.
 * @returns why there was none, or why it says nothing; undefined if the daemon came up
 * @throws JailError ERR_SERVICE if the daemon does not come up; AbortError
 */
export async function carryOutTrial(
  unit: string,
  trial: Trial,
  known: Known,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const reason = trial.reason ?? (await obstacle(trial));
  if (reason !== undefined) return reason;
  try {
    if (!(await copyAll(trial))) return changing;
    const words = await startAndWatch(unit, trial, signal);
    if (words === undefined) return undefined;
    const unseen = socketPaths().filter((path) => trial.copied.some((top) => isWithin(path, top)));
    const isOfTrial = (line: string): boolean =>
      ofTrial.test(line) || unseen.some((path) => line.includes(path));
    const said = words.split('\n').find(isOfTrial);
    if (said !== undefined) return `beside the service it says: ${said}`;
    throw new JailError(`${unit} does not come up in its jail; it runs on, and was not stopped: ${words}`, {
      code: 'ERR_SERVICE',
      hint: `${needsHint(words, known)}; to restart the service in its jail without this trial: --no-trial`,
    });
  } finally {
    rmSync(trial.place, { recursive: true, force: true });
  }
}
