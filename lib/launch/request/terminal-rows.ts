// Rows of the option table about the program's session and terminal.
import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { launchOption } from './launch-option.ts';
import { toWhole } from './number-value.ts';
import { onOff, type Values } from './option-row.ts';
import { flag } from './value.ts';

/** One side of a terminal's size, which the kernel keeps in 16 bits (ioctl_tty(2), TIOCSWINSZ). @throws UsageError */
export function toSide(value: unknown, name: string): number {
  return toWhole((value as number | undefined) ?? NaN, name, 1, 65535) as number;
}

const sides = ['cols', 'rows'] as const;

// Columns and rows, 1 to 65535. Without them the size is that of this process's terminal if the launch is in place, else 80 by 24.
function toPty(
  value: boolean | { readonly cols?: number | undefined; readonly rows?: number | undefined } | undefined,
  key: string,
): { readonly cols?: number; readonly rows?: number } | undefined {
  const size = typeof value === 'string' ? /^([1-9][0-9]{0,4})[x,:]([1-9][0-9]{0,4})$/.exec(value) : null;
  if (size !== null)
    throw new UsageError(`${key} must be true or false, or an object with cols and rows`, {
      hint: `write ${key}: {cols: ${size[1]}, rows: ${size[2]}}`,
    });
  if (typeof value !== 'object' || value === null) return flag(value, key) ? {} : undefined;
  const wrong = Object.keys(value).find((name) => !(sides as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw new UsageError(`${key} takes no '${quote(wrong)}'`, {
      hint: didYouMean(wrong, sides) ?? 'it takes cols and rows, as in {cols: 80, rows: 24}',
    });
  const { cols, rows } = value;
  return {
    ...(cols === undefined ? {} : { cols: toSide(cols, `${key}.cols`) }),
    ...(rows === undefined ? {} : { rows: toSide(rows, `${key}.rows`) }),
  };
}

export const terminalRows = {
  /** Start in a session of its own, without a terminal. */
  newSession: {
    ...onOff('Process', '--new-session', 'a session of its own, without a terminal'),
    // a terminal belongs to a session
    from: ['pty'],
    setUp: true,
    normal: (value: boolean | undefined, key: string, { pty }: Values) =>
      flag(value, key) || (pty !== undefined && pty !== false),
  },
  /** A pseudo-terminal of its own, in a session of its own. */
  pty: {
    type: 'boolean or `{cols?, rows?}`',
    default: 'false',
    setUp: true,
    normal: toPty,
    options: () => [
      launchOption(
        'Process',
        '--pty',
        'a pseudo-terminal of its own, joined to the terminal of the caller',
        () => true,
        { notInUnit: 'a unit has no terminal' },
      ),
    ],
  },
} as const;
