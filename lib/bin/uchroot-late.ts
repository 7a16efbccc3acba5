// All code that a successful launch does not need: diagnosis of the jail, hints, --plan, --help; and
// what few launches need: limits of a cgroup, filters of system calls. See late.ts.
export { findProblem } from '../launch/tell/preflight.ts';
export { errnoName, reason } from '../words/errno.ts';
export { toLaunchError } from '../launch/tell/failure.ts';
export { rehearse } from '../launch/tell/rehearse.ts';
export { planAsJson, planAsText, stepsAsText } from '../launch/tell/plan-output.ts';
export { forgotten, wordHint } from './mistakes/word-hint.ts';
export { foreignOptions } from './mistakes/foreign-options.ts';
export { foreignKeys } from '../launch/request/foreign-keys.ts';
export { foreignWorkKeys } from '../mistakes/foreign-work-keys.ts';
export { jailOfName, nearestJail } from '../tree/misspelt-path.ts';
export { usage } from './uchroot-help.ts';
export { openCgroup, planCgroup } from '../launch/host/cgroup.ts';
export { asked, toEntries } from '../outbound/entry.ts';
export { openHostPorts } from '../launch/host/host-port.ts';
export { showListenPort, toListenPorts } from '../launch/request/listen-on-value.ts';
export { readList } from '../outbound/list-file.ts';
export { routeMessages, ruleMessages } from '../outbound/network.ts';
export { startRelay } from '../launch/start/relay-process.ts';
export { startReport } from '../launch/start/report-process.ts';
export { requireRecord, withReferences } from '../launch/host/references.ts';
export { makeWorkspaces, mapFdsOf, planWorkspace } from '../launch/host/workspace.ts';
export { signalName, signalNumber } from '../launch/request/signal.ts';
export { launchFilter } from '../launch/host/launch-filter.ts';
export { withImageDefaults } from './image-defaults.ts';
