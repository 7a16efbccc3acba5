// The status of a running super-server over a unix socket of root's, by HTTP: /status in JSON, /metrics in OpenMetrics text.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';

import { reason } from '../../words/errno.ts';
import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import type { Inetd } from '../inetd.ts';
import { removeDeadSocket, toListenError, withMode } from '../listen/listening-socket.ts';
import { type Connection, showPeer } from './connection-entry.ts';
import type { Metrics } from './metrics.ts';
import { lookAtAddress } from '../service-problem.ts';

export const STATUS_SOCKET = '/run/uchroot-inetd.sock';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const JSON_TYPE = 'application/json';
/** How long `status` waits for an answer. */
const PATIENCE_MS = 10_000;

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

/** The state of a super-server. */
export function statusOf(inetd: Inetd): InetdStatus {
  const nowMs = performance.now();
  return {
    pid: process.pid,
    services: inetd.services.map(({ name, addresses, counter, settings }) => ({
      name,
      addresses,
      live: counter.live,
      instances: settings.instances,
      idleMs: settings.idleMs,
      failures: counter.failures,
    })),
    connections: [...inetd.connections.keys()].map(({ id, service, peer, sinceMs, beginMs, pid, rule }) => ({
      id,
      service,
      peer,
      sinceMs,
      ageMs: Math.round(nowMs - beginMs),
      pid,
      rule,
    })),
  };
}

function answer({ url }: IncomingMessage, response: ServerResponse, inetd: Inetd, metrics: Metrics): void {
  if (url === '/status') {
    response.setHeader('content-type', JSON_TYPE);
    response.end(JSON.stringify(statusOf(inetd)));
  } else if (url === '/metrics') {
    const gauges = inetd.services.map(({ name, counter }) => ({
      name,
      live: counter.live,
      failures: counter.failures,
    }));
    response.setHeader('content-type', OPEN_METRICS);
    response.end(metrics.text(gauges));
  } else {
    response.statusCode = 404;
    response.end('there are /status and /metrics\n');
  }
}

/** Answers on a socket that only root may use. @returns closes it @throws LaunchError */
export async function openStatusServer(path: string, inetd: Inetd, metrics: Metrics): Promise<() => void> {
  const server = createServer((request, response) => answer(request, response, inetd, metrics));
  // Node says EACCES for a directory that is missing
  lookAtAddress({ kind: 'unix', path });
  try {
    removeDeadSocket(path);
    withMode(0o600, () => server.listen({ path, exclusive: true }));
    await once(server, 'listening');
  } catch (error) {
    throw toListenError(error, { kind: 'unix', path });
  }
  // it does not keep the process alive
  server.unref();
  return () => {
    server.closeAllConnections();
    server.close();
    rmSync(path, { force: true });
  };
}

/** Asks a running super-server. @throws UsageError if none answers */
export async function askStatus(
  path: string,
  what: 'status' | 'metrics',
  patienceMs = PATIENCE_MS,
): Promise<string> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const request = get({ socketPath: path, path: `/${what}`, signal });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const isOther = response.headers['content-type'] !== (what === 'status' ? JSON_TYPE : OPEN_METRICS);
    if (isOther) throw Object.assign(new Error(), { errno: -constants.errno.EPROTO });
    return await text(response);
  } catch (error) {
    // an answer that is not HTTP has no errno
    const { errno = -constants.errno.EPROTO } = error as NodeJS.ErrnoException;
    if (signal.aborted)
      throw new UsageError(`${quote(path)}: no answer within ${patienceMs / 1000} seconds`, {
        hint: 'is uchroot-inetd stopped, or does another program listen there? ss -lp shows it',
        cause: error,
      });
    throw new UsageError(`${quote(path)}: no uchroot-inetd answers: ${reason(-errno)}`, {
      hint:
        errno === -constants.errno.EACCES
          ? 'only root may ask it: try sudo'
          : 'is uchroot-inetd running, with --status-socket or --config? Only root may ask it.',
      cause: error,
    });
  }
}
