// The messages of a compiled launcher, one for each step and errno. Native code has no messages for steps.
import { errnoName, reason } from '../../words/errno.ts';
import type { ErrnoName } from '../../errors.ts';
import { bytePath } from '../../tree/path.ts';
import { commandLine } from '../../words/shell-word.ts';
import { words } from '../../words/word-list.ts';
import type { Step } from '../plan/step.ts';
import { messageHead, rowOf, wordsFor } from '../plan/table.ts';
import type { JailView } from '../tell/jail-view.ts';
import { contextOf } from '../tell/failure.ts';

interface Words {
  readonly text: string;
  readonly hint: string | undefined;
}

/** The texts for a compiled launcher. The byte 1 stands for a failure's detail: a descriptor, a capability. */
export interface StepWords {
  /** For each step, the start of its messages. */
  readonly heads: readonly string[];
  /** Better messages than the errno's own for a step. */
  readonly reasons: readonly (Words & { readonly step: number; readonly errno: number })[];
  readonly errors: readonly { readonly errno: number; readonly name: string; readonly text: string }[];
}

const detail = '\u0001';

// All errnos that the calls of a plan return (their man pages, ERRORS), and EBADE and ECANCELED, which uchroot itself uses.
const errnos = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 30, 34, 36, 38,
  40, 52, 75, 80, 87, 93, 95, 97, 107, 110, 113, 116, 122, 125, 126,
];

const fileErrors: readonly string[] = words('ENOENT ENOTDIR EACCES ENOEXEC ELOOP EINVAL ELIBBAD');

// A compiled launcher cannot inspect the jail, so it names the command that can.
function unseen(step: Step, code: ErrnoName, errno: number, view: JailView): Words | undefined {
  const { look } = rowOf(step);
  if (look === undefined || !(look.after ?? fileErrors).includes(code)) return undefined;
  const { account, jail, cwd } = view;
  const { uid, gid } = account;
  const words = step.op === 'execve' ? ['--plan'] : ['--plan', '--chdir', bytePath(cwd)];
  const program = step.op === 'execve' ? [bytePath(step.program)] : [];
  const hint = `${commandLine('uchroot', ...words, `${uid}:${gid}`, bytePath(jail), ...program)} tells the cause, on a host with Node`;
  if (step.op !== 'execve') return { text: reason(errno), hint };
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? { text: 'not found in the jail, or its interpreter was not found', hint }
    : { text: `cannot be executed: ${reason(errno)}`, hint };
}

// The text of a step for an errno; undefined if it is the errno's own.
function wordsOf(step: Step, errno: number, view: JailView): Words | undefined {
  const code = errnoName(errno);
  const words = wordsFor(step, code, contextOf(view, detail));
  const all = unseen(step, code, errno, view) ?? { text: words.reason ?? reason(errno), hint: words.hint };
  return all.text === reason(errno) && all.hint === undefined ? undefined : all;
}

/** The texts for these steps. The jail is not inspected. */
export function stepWords(steps: readonly Step[], view: JailView): StepWords {
  return {
    heads: steps.map((step) => messageHead(step, contextOf(view, detail))),
    reasons: steps.flatMap((step, index) =>
      errnos.flatMap((errno) => {
        const words = wordsOf(step, errno, view);
        return words === undefined ? [] : [{ step: index, errno, ...words }];
      }),
    ),
    errors: errnos.map((errno) => ({ errno, name: errnoName(errno), text: reason(errno) })),
  };
}
