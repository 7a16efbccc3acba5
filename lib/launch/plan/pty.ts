// The steps of a launch with a pseudo-terminal of its own (pty(7)), and their rows. Pure.
import { quote } from '../../words/quote.ts';
import type { Account } from '../host/account.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import { cString } from './jail-entry.ts';
import type { Step } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

// PtyFlag of native/plan/plan.h
const PTY_OUTSIDE = 2 ** 32;
const PTY_TRIED = 2 ** 33;

type Request = Pick<NormalRequest, SetUpKey>;

// As in most terminals since the VT100.
const usualSize = { cols: 80, rows: 24 };

// The last /dev that the view makes.
function ownDevices({ view }: Request): Buffer | undefined {
  return view.findLast(({ kind }) => kind === 'dev')?.target;
}

function openPty(request: Request, { uid }: Account, isOutside: boolean): readonly Step[] {
  if (request.pty === undefined) return [];
  const devices = ownDevices(request);
  if (isOutside !== (devices === undefined)) return [];
  const directory = Buffer.concat([devices ?? Buffer.from('/dev'), Buffer.from('/pts')]);
  return [{ op: 'open_pty', owner: uid, ...usualSize, ...request.pty, directory, isOutside }];
}

/** Opens the terminal before the root directory changes, unless a --dev makes the devpts that it belongs to. */
export const outerPty = (request: Request, account: Account): readonly Step[] =>
  openPty(request, account, true);

/** Opens the terminal in the devpts of a --dev. */
export const innerPty = (request: Request, account: Account): readonly Step[] =>
  openPty(request, account, false);

/** Makes it the terminal of the program's session, after setsid: only the leader of a session without a terminal can do it. */
export function controllingTty({ pty }: Request): readonly Step[] {
  return pty === undefined ? [] : [{ op: 'controlling_tty' }];
}

export const ptyRows = {
  open_pty: {
    op: 70,
    call: 'open',
    object: ({ directory, isOutside, cols, rows }) =>
      `${isOutside ? `${quote(directory)}/ptmx of the jail, or /dev/ptmx` : `${quote(directory)}/ptmx`} ${cols}x${rows}`,
    purpose: 'a pseudo-terminal of its own, as 0 to 2',
    encode: ({ owner, cols, rows, directory, isOutside, isTried }) => ({
      a: owner,
      b: cols + rows * 2 ** 16 + (isOutside ? PTY_OUTSIDE : 0) + (isTried === true ? PTY_TRIED : 0),
      data: cString(directory),
    }),
    failures: {
      ENOENT: {
        reason: 'the host has no /dev/ptmx',
        hint: 'mount a devpts: mount -t devpts devpts /dev/pts',
      },
      ENOSPC: {
        reason: 'the host has as many pseudo-terminals as it may',
        hint: 'raise kernel.pty.max (sysctl), or look who holds them: ls /dev/pts',
      },
    },
    rehearse: (step: Step & { op: 'open_pty' }) => ({ ...step, isTried: true }),
  },
  controlling_tty: {
    op: 71,
    call: 'ioctl',
    object: () => 'TIOCSCTTY',
    purpose: 'the terminal of its session: Ctrl-C, Ctrl-Z',
    // it concerns the terminal of the step before, which a rehearsal closes again
    rehearse: () => undefined,
  },
} satisfies SomeStepRows;
