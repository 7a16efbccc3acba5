// The environment of this thread, for programs that start from it.
import { native } from '../../native.ts';
import { splitEntries, type Variable } from './environment.ts';

/**
 * The variables of process.env. On the main thread byte for byte, as environ(7) has them. In a worker they are its own
 * (worker_threads, `env`), and text, as Node keeps them: bytes that are no UTF-8 are lost there. A worker does not look
 * at environ even if it shares the main thread's, who may be changing it.
 */
export function callerVariables(): readonly Variable[] {
  if (native.isMainThread()) return splitEntries(native.environmentEntries());
  return splitEntries(Object.entries(process.env).map(([name, value]) => Buffer.from(`${name}=${value}`)));
}
