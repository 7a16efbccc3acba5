// The public API of `uchroot/tcpwrappers`: re-exports only.
export { UsageError } from '../errors.ts';
export { type Applied, type ApplyTarget } from './apply/applied.ts';
export { Decision, type MatchedRule } from './decision.ts';
export { type RuleId } from './check/catalog.ts';
export { type HostsCheckOptions } from './check/hosts-check.ts';
export { type CheckFinding } from './check/checked-file.ts';
export { type Dialect } from './parse/third-field.ts';
export { type Effect, type Verdict } from './decide/ruling.ts';
export { type Finding } from './rule/finding.ts';
export { guard, type GuardServer, type OnConnection } from './guard.ts';
export { Hosts, hostsAccess, type HostsOptions, openHosts } from './hosts.ts';
export { type Answered, type Connection, type Lookup, type Resolver } from './lookup/resolver.ts';
export {
  describeSocket,
  type EndpointDescription,
  type RequestDescription,
} from './connection/request-info.ts';
export { type LogEntry, writeLog } from './apply/log-entries.ts';
export { type ExplainedEnd, type HostsExplanation } from './check/explanation.ts';
export { type DaemonPort } from './export/export.ts';
export { type DaemonUnit, type DropIn } from './export/systemd-drop-ins.ts';
export { type Untranslated, type Unusable } from './export/rule-translation.ts';
export {
  checkHosts,
  explainHosts,
  exportHosts,
  type HostsExplainOptions,
  type HostsExport,
  type HostsExportOptions,
} from './tools.ts';
