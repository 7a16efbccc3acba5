// The public API of the package: re-exports only.
export {
  ExitError,
  JailError,
  LaunchError,
  UsageError,
  type ExitDetails,
  type FailedStep,
} from './errors.ts';
export { type Left, type LeftBecause, type LeftSide } from './jail/apply/left.ts';
export { buildJail, type JailReport } from './jail/build.ts';
export { type Change, type VersionChange } from './jail/manifest/change.ts';
export { checkJail, type CheckReport, type CheckRequest } from './jail/check/check.ts';
export { type Finding, type Severity } from './jail/check/finding.ts';
export { cloneJail, type CloneReport, type CloneRequest } from './jail/clone.ts';
export { explainFile, listJail, type Explanation, type JailList, type ListedFile } from './jail/list.ts';
export { type Progress } from './jail/work/progress.ts';
export { removeJail, type RemoveReport, type RemoveRequest } from './jail/remove.ts';
export { type JailRequest, type JailWork } from './jail/request/request.ts';
export { updateJail, type UpdateReport, type UpdateRequest } from './jail/update.ts';
export { type PackReason } from './jail/manifest/why.ts';
export { type Account } from './launch/account.ts';
export { type DirectoryFinding } from './launch/directory.ts';
export { execInJail } from './launch/exec.ts';
export { Jail, openJail, type JailRunRequest, type JailSpawnRequest } from './launch/jail.ts';
export { planLaunch, resolveAccount, type PlannedLaunch } from './launch/look.ts';
export { JailedProcess, type Exit, type ResourceUsage } from './launch/process.ts';
export { type LaunchRequest } from './launch/request.ts';
export { type RlimitName, type RlimitValue } from './launch/rlimits.ts';
export { runInJail, type RunRequest, type RunResult, type Stopped } from './launch/run.ts';
export { spawnInJail, type SpawnRequest } from './launch/spawn.ts';
export { type StdioEntry, type Stdio, type StreamWithFd } from './launch/stdio.ts';
export { type Limit, type Step, type StepName } from './launch/step.ts';
export { type Bytes } from './quote.ts';
