// The public API of `uchroot/tcpwrappers`: re-exports only.
export { UsageError } from '../errors.ts';
export { type Applied, type ApplyTarget } from './apply.ts';
export { Decision, type MatchedRule } from './decision.ts';
export { type Dialect } from './dialect.ts';
export { type Effect, type Verdict } from './effect.ts';
export { type Finding } from './finding.ts';
export { guard, type GuardServer, type OnConnection } from './guard.ts';
export { Hosts, hostsAccess, type HostsOptions, openHosts } from './hosts.ts';
export { type LogEntry } from './log.ts';
export { type Answered, type Connection, type Lookup, type Resolver } from './lookup.ts';
export { type EndpointDescription, type RequestDescription } from './request.ts';
export { describeSocket } from './socket.ts';
export { writeLog } from './syslog.ts';
