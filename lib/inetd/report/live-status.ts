// The state of a running super-server, as data and as text. Pure.
import { showPeer, type Connection } from './connection-entry.ts';

/** The answer of `uchroot-inetd status`. */
export interface InetdStatus {
  readonly pid: number;
  readonly services: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly live: number;
    readonly instances: number;
    /** Undefined without such a limit. */
    readonly idleMs: number | undefined;
    /** Launches in a row that have failed for one cause. */
    readonly failures: number;
  }[];
  readonly connections: readonly (Omit<Connection, 'beginMs' | 'waitMs'> & {
    /** How long it has been open. */
    readonly ageMs: number;
  })[];
}

/** Lines of text, without a newline at the end. */
export function statusText({ pid, services, connections }: InetdStatus): string {
  return [
    `uchroot-inetd, pid ${pid}`,
    ...services.map(
      ({ name, addresses, live, instances, idleMs, failures }) =>
        `${name}: ${addresses.join(', ')}: ${live} of ${instances} connections${idleMs === undefined ? '' : `, idle ${idleMs / 1000} s`}${failures === 0 ? '' : `, ${failures} failed launches in a row`}`,
    ),
    ...connections.map(({ id, service, peer, pid, ageMs }) => {
      const seconds = (ageMs / 1000).toFixed(1);
      return `  ${id} ${service} ${showPeer(peer)} ${pid === undefined ? 'starting' : `pid ${pid}`} ${seconds} s`;
    }),
  ].join('\n');
}
