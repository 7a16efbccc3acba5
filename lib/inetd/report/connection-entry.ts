// A connection, and its line in the log.
import type { LimitName, ResourceUsage } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import type { MatchedRule } from '../../tcpwrappers/decision.ts';
import type { LimitReason } from '../start-limits.ts';

/** Why a connection has ended. */
export type EndReason =
  /** The program has ended by itself, or by a signal. */
  | 'exit'
  | 'signal'
  /** The client was refused by a rule, or by a limit. */
  | 'denied'
  | LimitReason
  /** The client got the command of a rule (twist) instead of the program. */
  | 'delegated'
  /** The program could not be started, or this process could not do its part. */
  | 'failed'
  /** A limit has ended the program: `time`, `memory`. */
  | LimitName
  /** The connection carried no data for the time of `idleMs`. */
  | 'idle';

/** The client. A client of a unix socket has a uid and a pid in place of an address. */
export interface Peer {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly uid?: number | undefined;
  readonly pid?: number | undefined;
}

/** A live connection. */
export interface Connection {
  readonly id: number;
  readonly service: string;
  readonly peer: Peer;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** The same moment by performance.now(), which no change of the clock moves. */
  readonly beginMs: number;
  /** Pid of the program; undefined until it runs. */
  pid: number | undefined;
  /** How long it has waited for the rules and for its program; undefined until that runs. */
  waitMs: number | undefined;
  rule: Pick<MatchedRule, 'file' | 'line'> | undefined;
}

/** A connection that is over. */
export interface EndedConnection extends Omit<Connection, 'beginMs'> {
  readonly reason: EndReason;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly durationMs: number;
  readonly usage: ResourceUsage | undefined;
  /** Set where the reason alone does not explain the end. */
  readonly message: string | undefined;
}

let lastId = 0;

/** A connection that has just come in. */
export function beginConnection(service: string, peer: Peer): Connection {
  return {
    id: ++lastId,
    service,
    peer,
    sinceMs: Date.now(),
    beginMs: performance.now(),
    pid: undefined,
    waitMs: undefined,
    rule: undefined,
  };
}

export function showPeer({ address, port, uid, pid }: Peer): string {
  if (address !== undefined) return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return uid === undefined ? 'unknown' : `uid ${uid} pid ${pid}`;
}

/** The line for people. */
export function entryText(entry: EndedConnection): string {
  const { service, peer, rule, pid, exitCode, signal, reason, durationMs, usage, message } = entry;
  const cpuMs = usage === undefined ? undefined : usage.userCpuMs + usage.systemCpuMs;
  return [
    `${service}: ${showPeer(peer)} ${reason}`,
    ...(exitCode === null ? [] : [`status ${exitCode}`]),
    ...(signal === null ? [] : [signal]),
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    `${(durationMs / 1000).toFixed(3)} s`,
    ...(cpuMs === undefined ? [] : [`cpu ${cpuMs.toFixed(1)} ms`]),
    rule === undefined ? 'no rule' : `rule ${quote(rule.file)}:${rule.line}`,
    ...(message === undefined ? [] : [message]),
  ].join(', ');
}

/** The line for programs. */
export function entryJson({ sinceMs, ...entry }: EndedConnection): string {
  return JSON.stringify({ event: 'connection', time: new Date(sinceMs).toISOString(), ...entry });
}
