// Symbolic links on the way to a mount point in the jail. Pure.
import { quote } from '../../words/quote.ts';
import type { NormalRequest } from '../request/request.ts';
import { lie } from './namespaces.ts';
import type { Placed, Step } from './step.ts';
import type { FailureWords } from './step-row.ts';

// Set-user-ID programs trust files such as /etc/passwd. A link of the program's user must not lead a mount onto them.
function withoutLinks(step: Step): Step {
  const isOnTarget = (step.op === 'move_mount' || step.op === 'mount') && step.within === undefined;
  return isOnTarget ? { ...step, noLinks: true } : step;
}

/** With --allow-new-privs the targets of these steps lead through no link. */
export const guardLinks = (
  { allowNewPrivs }: Pick<NormalRequest, 'allowNewPrivs'>,
  steps: readonly Step[],
): readonly Step[] => (allowNewPrivs ? steps.map(withoutLinks) : steps);

/** Words for a mount that a link would lead elsewhere. */
export const misplaced: { readonly [code in 'EBADE' | 'ELOOP']: FailureWords<Step & Placed> } = {
  EBADE: {
    reason: lie.EBADE.reason,
    hint: (_, { target }) =>
      `see that ${quote(target)} in the jail is no link to /, where nothing can be mounted; else a seccomp filter answers for the kernel: run uchroot without that filter`,
  },
  ELOOP: {
    reason: (_, { target, noLinks }) =>
      noLinks === true
        ? `${quote(target)} leads through a link, which is not followed with --allow-new-privs: a link of the program's user could hide files that set-user-ID programs trust`
        : `${quote(target)} leads through a link of another user than root, by which nothing is made`,
    hint: 'name the directory or file that the link leads to',
  },
};

/** Words for a directory that cannot be made. */
export const misplacedDirectory: {
  readonly [code in 'EEXIST' | 'ENOTDIR' | 'ELOOP']: FailureWords<Step & { readonly op: 'mkdir' }>;
} = {
  EEXIST: {
    reason: (_, { path }) => `a link above ${quote(path)} leads nowhere`,
    hint: 'name the path to which the link leads',
  },
  ENOTDIR: {
    reason: (_, { path }) => `${quote(path)}, or what is above it, is there and is no directory`,
    hint: 'name another directory',
  },
  ELOOP: {
    reason: (_, { path }) =>
      `${quote(path)} leads through a link of another user than root, by which nothing is made`,
    hint: 'name the directory that the link leads to',
  },
};
