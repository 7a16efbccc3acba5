// uchroot --check: checks the jail before the program starts in it. It is a separate bundle; see uchroot.ts.
import { bytePath, joinPath, showPath } from '../tree/path.ts';
import { type ErrnoName, JailError, LaunchError } from '../errors.ts';
import { checkQuickly } from '../jail/check/quick-check.ts';
import { fromText } from '../jail/manifest/path-text.ts';
import { toPerson } from '../launch/host/account.ts';
import { errorLines } from '../launch/start/exec.ts';
import type { Launch } from '../launch/plan/launch.ts';
import { quote } from '../words/quote.ts';

const STEP = { step: 'check' } as const;

/**
 * Prints each finding of severity error from the quick check.
 *
 * @throws LaunchError ERR_UNSAFE_JAIL if there is a finding; with an errno if the jail could not be read
 */
export function refuseUnsafe(launch: Launch, tell: (lines: string) => void): void {
  const { request } = launch;
  const findings = findingsOf(launch);
  for (const { rule, path, message, remedy } of findings)
    tell(
      errorLines({
        message: `check: ${showPath(fromText(path))}: ${message} (${rule})`,
        hint: remedy.replace(/^# /, ''),
      }),
    );
  if (findings.length === 0) return;
  const count = findings.length === 1 ? '1 error' : `${findings.length} errors`;
  throw new LaunchError(`check: ${count} in the jail ${quote(request.jail)}: the program was not started`, {
    ...STEP,
    code: 'ERR_UNSAFE_JAIL',
    path: quote(request.jail),
    hint: `uchroot-jail check ${quote(request.jail)}`,
  });
}

function findingsOf({ request, account, execve }: Launch): ReturnType<typeof checkQuickly> {
  const { uid, gid, name = String(uid), home, shell } = account;
  const user = {
    name,
    uid,
    gid,
    gecos: '',
    home,
    shell,
    groups: toPerson(account).gids.map((id) => ({ name: '', gid: id })),
  };
  try {
    return checkQuickly(
      bytePath(request.jail),
      joinPath(bytePath(request.cwd), bytePath(execve.program)),
      // Root can write everywhere, so only what other users can write is a finding.
      // The program of a rootless launch owns what its caller owns.
      uid === 0 || account.outside !== undefined ? [] : [user],
      // The launch itself has checked the path to the jail.
      new Set(['path-root', 'path-owner', 'path-writable']),
    );
  } catch (error) {
    if (!(error instanceof JailError)) throw error;
    const { message, code, path } = error;
    throw new LaunchError(`check: ${message}`, { ...STEP, code: code as ErrnoName, path });
  }
}
