// What can be said about each step that fails, put down before anything is started: a compiled launcher has nobody to ask.
import type { FileRoot } from '../../binary/root.ts';
import { quote } from '../../quote.ts';
import type { JailView } from '../tell/diagnose.ts';
import { errnoName, reason } from '../../errno.ts';
import { messageHead, toLaunchError } from '../tell/failure.ts';
import type { Step } from '../plan/step.ts';

/** Words of a compiled launcher. The byte 1 stands for what a failure adds: a descriptor, a capability. */
export interface StepWords {
  /** One a step: how its messages begin. */
  readonly heads: readonly string[];
  /** Where a step knows better than its errno. */
  readonly reasons: readonly {
    readonly step: number;
    readonly errno: number;
    readonly text: string;
    readonly hint: string | undefined;
  }[];
  readonly errors: readonly { readonly errno: number; readonly name: string; readonly text: string }[];
}

const detail = '\u0001';
// What toLaunchError is told of a failure's detail, to find it again in its words.
const stranger = 1000;

// All that the calls of a plan answer (their man pages, ERRORS), and EBADE of our own.
const errnos = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 30, 34, 36, 38,
  40, 52, 75, 80, 87, 95, 116, 122, 126,
];

// The jail cannot be looked into: what a look would find is not known yet.
const closed: FileRoot = {
  lstat: () => refuse(),
  open: () => refuse(),
  list: () => refuse(),
};

function refuse(): never {
  throw new Error('not open');
}

const fileErrors = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ENOEXEC', 'ELOOP', 'EINVAL', 'ELIBBAD']);

// What a launch in place finds out by looking: here there is only who can look.
function unseen(step: Step, code: string, view: JailView): { text: string; hint: string } | undefined {
  if (step.op === 'execve' && code === 'E2BIG') {
    return {
      text: 'the arguments and the environment are too long',
      hint: 'together they may take a quarter of the soft stack limit, and one at most 128 KiB: --rlimit stack=BYTES',
    };
  }
  if ((step.op !== 'execve' && step.op !== 'chdir') || !fileErrors.has(code)) return undefined;
  const { account, jail, cwd } = view;
  const what = step.op === 'execve' ? quote(step.program) : `--chdir ${quote(cwd)}`;
  const hint = `a host with Node tells more: uchroot --plan for uid ${account.uid}, ${jail} and ${what}`;
  if (step.op === 'chdir') return { text: reasonOf(code), hint };
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return { text: 'not found in the jail, or an interpreter that it needs is not', hint };
  return { text: `cannot be executed: ${reasonOf(code)}`, hint };
}

function reasonOf(code: string): string {
  return reason(errnos.find((errno) => errnoName(errno) === code) ?? 0);
}

/** The words for these steps, without looking into the jail. */
export function stepWords(steps: readonly Step[], view: JailView): StepWords {
  const blind = { ...view, root: closed };
  const heads = steps.map((step) =>
    step.op === 'keep_listen_fds' ? `${step.op}: descriptor ${detail}:` : messageHead(step, blind),
  );
  const reasons = steps.flatMap((step, index) =>
    errnos.flatMap((errno) => {
      const failure = { step: index, op: 0, errno, detail: stranger };
      const { message, hint } = toLaunchError(steps, failure, blind);
      const plain = message.slice(messageHead(step, blind).length + 1);
      const known = unseen(step, errnoName(errno), blind) ?? { text: plain, hint };
      if (known.text === reason(errno) && known.hint === undefined) return [];
      return [
        { step: index, errno, ...known, text: known.text.replace(`CAP_${stranger}`, `capability ${detail}`) },
      ];
    }),
  );
  return {
    heads,
    reasons,
    errors: errnos.map((errno) => ({ errno, name: errnoName(errno), text: reason(errno) })),
  };
}
