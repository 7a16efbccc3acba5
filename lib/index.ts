// The public API of the package: re-exports only.
export {
  AbortError,
  type Denied,
  ExitError,
  JailError,
  LaunchError,
  UsageError,
  type ErrnoName,
  type EndAccount,
  type ExitDetails,
  type ExitErrorCode,
  type FailedStep,
  type JailErrorCode,
  type LaunchErrorCode,
  type LimitName,
  type Output,
  type ResourceUsage,
} from './errors.ts';
export { PoolError } from './launch/start/pool-error.ts';
export { type Left, type LeftBecause, type LeftSide } from './jail/apply/present-object.ts';
export {
  buildJail,
  type JailReport,
  updateJail,
  type UpdateReport,
  type UpdateRequest,
} from './jail/building.ts';
export { type JailWarning, type WarningSubject } from './jail/work/jail-warning.ts';
export { type Change, type VersionChange } from './jail/manifest/manifest-changes.ts';
export { checkJail, type CheckReport, type CheckRequest } from './jail/check/jail-check.ts';
export { type Finding } from './jail/check/check-rule.ts';
export { type Severity } from './findings/finding-severity.ts';
export { cloneJail, type CloneReport, type CloneRequest } from './jail/clone.ts';
export { compareJails, type Comparison, type ComparisonRequest } from './jail/compare-jails.ts';
export type { Aspect, FileDifference, PackageDifference, Side } from './jail/inventory/differences.ts';
export { type AdvisoriesReport, type AdvisoriesRequest, findAdvisories } from './jail/find-advisories.ts';
export { type Issue } from './jail/inventory/known-issues.ts';
export { describeJail, type BillReport, type BillRequest } from './jail/describe-jail.ts';
export { exportJail, type ExportReport, type ExportRequest } from './jail/export-jail.ts';
export { explainFile, listJail, type Explanation, type JailList, type ListedFile } from './jail/listing.ts';
export { type Progress } from './jail/work/steps.ts';
export { removeJail, type RemoveReport, type RemoveRequest } from './jail/remove.ts';
export { type JailRequest, type JailWork } from './jail/request/jail-request.ts';
export { type JailPart, type PackReason } from './jail/manifest/jail-parts.ts';
export {
  type Connection,
  type EndedConnection,
  type EndReason,
  type Peer,
} from './inetd/report/connection-entry.ts';
export { JailService, serveInJail } from './inetd/serve.ts';
export { type ServeRequest } from './inetd/serve-request.ts';
export { type Account } from './launch/host/account.ts';
export { type DirectoryFinding } from './launch/host/directory.ts';
export {
  capabilities,
  type Capabilities,
  type Lack,
  type Level,
  type LevelName,
} from './launch/doctor/isolation-levels.ts';
export type { OnConnect, WantedConnection } from './outbound/consent.ts';
export { execInJail } from './launch/start/exec.ts';
export { JailLaunch, type LaunchRunRequest, type LaunchSpawnRequest } from './launch/start/jail-launch.ts';
export { Jail, openJail } from './launch/start/jail.ts';
export { Pool } from './launch/start/pool.ts';
export { planLaunch, resolveAccount, type PlannedLaunch } from './launch/tell/dry-run.ts';
export { type LaunchEvents, type LaunchName } from './launch/start/launch-events.ts';
export { accountLine } from './launch/process/end-account.ts';
export type { Exit } from './launch/process/exit.ts';
export { JailedProcess } from './launch/process/process.ts';
export { type LaunchRequest } from './launch/request/request.ts';
export { type Limit, type RlimitName, type RlimitValue } from './launch/request/rlimits.ts';
export { type JailDefaults, type JailRunRequest, type JailSpawnRequest } from './launch/request/jail-rows.ts';
export { type PoolRequest } from './launch/request/pool-rows.ts';
export { type Encoding, type Input, type OutputOf, type RunRequest } from './launch/request/run-rows.ts';
export { type ListenSocket } from './launch/request/listen-sockets.ts';
export { type SpawnRequest } from './launch/request/spawn-rows.ts';
export { runInJail, type RunResult, type Stopped } from './launch/start/run.ts';
export { spawnInJail } from './launch/start/spawn.ts';
export { type Template, type TemplateRequest } from './launch/start/template.ts';
export { type TemplateValue } from './launch/request/template-words.ts';
export { type Stdio, type StdioEntry, type StreamOf, type StreamWithFd } from './launch/request/stdio.ts';
export {
  adoptService,
  releaseService,
  updateService,
  type UpdateServiceRequest,
} from './service/adopt/adopt.ts';
export { type AdoptReport } from './service/adopt/planning.ts';
export { type ReloadReport, reloadService } from './service/adopt/reload.ts';
export { type AdoptRequest, type ServiceWork } from './service/adopt/service-request.ts';
export { adoptedUnits as listServices } from './service/adopt/adoption-record.ts';
export { serviceStatus, type ServiceStatus } from './service/adopt/adopted-status.ts';
export {
  commitWorkspace,
  discardWorkspace,
  workspaceChanges,
  type WorkspaceRequest,
} from './workspace/changing.ts';
export { workspaceDiff } from './workspace/texts.ts';
export type { WorkspaceChange } from './workspace/changes.ts';
export { type Step, type StepName } from './launch/plan/step.ts';
export { type Bytes } from './words/quote.ts';
