// Failures of the addon before a launch has begun, as errors of a launch.
import { reason } from '../../words/errno.ts';
import type { Bytes } from '../../words/quote.ts';
import { LaunchError, type ErrnoName } from '../../errors.ts';
import { native, type HostFacts, type HostQuery, type PathFacts } from '../../native.ts';

/** An error of the addon as the error of a launch. `ifClosed` is the hint for a descriptor that is not open. */
export function toSpawnError(error: unknown, ifClosed = openUntilSettled): LaunchError {
  const { code = 'EIO', errno = -5, syscall, path } = error as NodeJS.ErrnoException;
  const what = path ?? (syscall === 'pthread_create' ? 'a thread cannot be started' : 'descriptors');
  return new LaunchError(`launch: ${what}: ${reason(-errno)}`, {
    step: 'launch',
    call: syscall,
    code: code as ErrnoName,
    errno: -errno,
    path,
    hint: code === 'EBADF' || code === 'ENOTSOCK' ? ifClosed : hintOf[code],
    cause: error,
  });
}

const openUntilSettled =
  'descriptors in stdio, preserveFds and listenFds must be open until the promise is settled';
const hintOf: Readonly<Record<string, string>> = {
  EMFILE:
    'this process has as many descriptors open as it may: raise LimitNOFILE= of its unit (getrlimit(2))',
  EAGAIN: 'this process has as many threads as it may: raise TasksMax= of its unit (pthread_create(3))',
};

async function beside<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw toSpawnError(error);
  }
}

/** The host's answers, from another thread. @throws LaunchError if no thread can be started */
export const lookAtHost = (query: HostQuery): Promise<HostFacts> => beside(() => native.readHost(query));

/** What a path leads to, from another thread; `isEntry`: to a file of any kind. @throws LaunchError as lookAtHost */
export const walkBeside = (path: Bytes, isEntry = false): Promise<PathFacts> =>
  beside(() => native.walkPath(path, isEntry));
