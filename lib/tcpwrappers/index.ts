// The public API of `uchroot/tcpwrappers`: re-exports only.
export { UsageError } from '../errors.ts';
export { type Applied, type ApplyTarget } from './apply/apply.ts';
export { Decision, type MatchedRule } from './decision.ts';
export { type RuleId } from './check/catalog.ts';
export { type CheckFinding } from './check/checked.ts';
export { type Dialect } from './parse/dialect.ts';
export { type Effect, type Verdict } from './decide/effect.ts';
export { type Finding } from './rule/finding.ts';
export { guard, type GuardServer, type OnConnection } from './guard.ts';
export { Hosts, hostsAccess, type HostsOptions, openHosts } from './hosts.ts';
export { type LogEntry } from './apply/log.ts';
export { type Answered, type Connection, type Lookup, type Resolver } from './lookup/lookup.ts';
export { type EndpointDescription, type RequestDescription } from './request/request.ts';
export { describeSocket } from './request/socket.ts';
export { writeLog } from './apply/syslog.ts';
export { type ExplainedEnd, type HostsExplanation } from './explain/told.ts';
export { type DaemonUnit, type DropIn } from './export/systemd.ts';
export { type Untranslated, type Unusable } from './export/untranslated.ts';
export {
  checkHosts,
  type DaemonPort,
  explainHosts,
  exportHosts,
  type HostsCheckOptions,
  type HostsExplainOptions,
  type HostsExport,
  type HostsExportOptions,
} from './tools.ts';
