// All rules, in the order in which their findings are shown and put right: directories come before what lies in them, so that
// nobody can exchange that.

import type { Rule } from './rule.ts';
import { accountDiffers } from './rules/account-differs.ts';
import { bindMount } from './rules/bind-mount.ts';
import { changed } from './rules/changed.ts';
import { covered } from './rules/covered.ts';
import { danglingLink } from './rules/dangling-link.ts';
import { devNull } from './rules/dev-null.ts';
import { defaultAcl } from './rules/default-acl.ts';
import { deviceMode } from './rules/device-mode.ts';
import { deviceNode } from './rules/device-node.ts';
import { edited } from './rules/edited.ts';
import { extra } from './rules/extra.ts';
import { fileCapabilities } from './rules/file-capabilities.ts';
import { hostFifo } from './rules/host-fifo.ts';
import { hostSocket } from './rules/host-socket.ts';
import { idleAccount } from './rules/idle-account.ts';
import { idleLibrary } from './rules/idle-library.ts';
import { kernelMount } from './rules/kernel-mount.ts';
import { loaderDirectory } from './rules/loader-directory.ts';
import { manifestFault } from './rules/manifest-fault.ts';
import { missing } from './rules/missing.ts';
import { mode } from './rules/mode.ts';
import { mountNodev } from './rules/mount-nodev.ts';
import { mountNoexec } from './rules/mount-noexec.ts';
import { mountNosuid } from './rules/mount-nosuid.ts';
import { newPrivileges } from './rules/new-privileges.ts';
import { noManifest } from './rules/no-manifest.ts';
import { outdated } from './rules/outdated.ts';
import { outsideDescriptor } from './rules/outside-descriptor.ts';
import { outsideFile } from './rules/outside-file.ts';
import { outsideLink } from './rules/outside-link.ts';
import { owner } from './rules/owner.ts';
import { passwordHash } from './rules/password-hash.ts';
import { pathClosed } from './rules/path-closed.ts';
import { pathLink } from './rules/path-link.ts';
import { pathMount } from './rules/path-mount.ts';
import { pathOwner } from './rules/path-owner.ts';
import { pathRoot } from './rules/path-root.ts';
import { pathShared } from './rules/path-shared.ts';
import { pathWritable } from './rules/path-writable.ts';
import { preload } from './rules/preload.ts';
import { processGroups } from './rules/process-groups.ts';
import { procMount } from './rules/proc-mount.ts';
import { processCapabilities } from './rules/process-capabilities.ts';
import { rootProcess } from './rules/root-process.ts';
import { searchPath } from './rules/search-path.ts';
import { secret } from './rules/secret.ts';
import { setGroupId } from './rules/set-group-id.ts';
import { setUserId } from './rules/set-user-id.ts';
import { staleProcess } from './rules/stale-process.ts';
import { steeringFile } from './rules/steering-file.ts';
import { sticky } from './rules/sticky.ts';
import { uidZero } from './rules/uid-zero.ts';
import { unread } from './rules/unread.ts';
import { unresolved } from './rules/unresolved.ts';
import { uploadExec } from './rules/upload-exec.ts';
import { uploadedProgram } from './rules/uploaded-program.ts';
import { worldWritable } from './rules/world-writable.ts';
import { writableCode } from './rules/writable-code.ts';
import { writableDirectory } from './rules/writable-directory.ts';
import { writableTarget } from './rules/writable-target.ts';

export const rules: readonly Rule[] = [
  pathRoot,
  pathOwner,
  pathWritable,
  pathShared,
  pathClosed,
  pathLink,
  pathMount,
  mountNoexec,
  mountNodev,
  mountNosuid,
  setUserId,
  setGroupId,
  fileCapabilities,
  deviceNode,
  deviceMode,
  outsideLink,
  hostSocket,
  hostFifo,
  procMount,
  kernelMount,
  bindMount,
  steeringFile,
  preload,
  manifestFault,
  noManifest,
  writableDirectory,
  defaultAcl,
  writableCode,
  writableTarget,
  loaderDirectory,
  searchPath,
  changed,
  edited,
  missing,
  mode,
  owner,
  extra,
  unread,
  sticky,
  uploadExec,
  uploadedProgram,
  covered,
  worldWritable,
  uidZero,
  accountDiffers,
  passwordHash,
  secret,
  idleAccount,
  outdated,
  idleLibrary,
  unresolved,
  danglingLink,
  devNull,
  rootProcess,
  processCapabilities,
  processGroups,
  outsideDescriptor,
  outsideFile,
  newPrivileges,
  staleProcess,
];
