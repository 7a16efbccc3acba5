// Rows of the option table about the program's session and terminal.
import { flag, optional, whole } from '../../values/validators.ts';
import { wrong } from '../../values/wrong.ts';
import { launchOption } from './launch-option.ts';
import { onOff, type Values } from './option-row.ts';

/** One side of a terminal's size, which the kernel keeps in 16 bits (ioctl_tty(2), TIOCSWINSZ). */
export const toSide = whole(1, 65_535, 80);
const side = optional(toSide);

// Columns and rows, 1 to 65535. Without them the size is that of this process's terminal if the launch is in place, else 80 by 24.
function toPty(
  value: boolean | { readonly cols?: number | undefined; readonly rows?: number | undefined } | undefined,
  key: string,
): { readonly cols?: number; readonly rows?: number } | undefined {
  if (value === undefined || typeof value === 'boolean') return value === true ? {} : undefined;
  if (
    typeof value !== 'object' ||
    value === null ||
    Object.keys(value).some((name) => !/^(?:cols|rows)$/.test(name))
  )
    throw wrong({
      key,
      value,
      expected: 'true, false, or an object with cols and rows',
      example: { cols: 80, rows: 24 },
    });
  const cols = side(value.cols, `${key}.cols`);
  const rows = side(value.rows, `${key}.rows`);
  return { ...(cols === undefined ? {} : { cols }), ...(rows === undefined ? {} : { rows }) };
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
