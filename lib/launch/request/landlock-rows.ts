// Rows of the option table about Landlock.
import * as to from './landlock-value.ts';
import { launchOption, parseNumeric } from './launch-option.ts';
import type { Rows } from './option-row.ts';

const paths = (spelling: string, help: string) =>
  ({
    type: 'array of Bytes',
    default: '`[]`',
    setUp: true,
    normal: to.toPaths,
    options: () => [launchOption('Isolation', spelling, help, to.addPath)],
  }) as const;

const ports = (name: string, help: string) =>
  ({
    type: 'array of numbers',
    default: 'all',
    setUp: true,
    normal: to.toPorts,
    options: () => [
      launchOption(
        'Isolation',
        `${name} N,M-P...`,
        `${help} these TCP ports only, or to \`none\`; may be repeated`,
        to.addPorts,
      ),
    ],
  }) as const;

export const landlockOptionRows = {
  /** Confine the program to the jail's tree, and from sockets and processes outside, by Landlock. */
  landlock: {
    type: 'boolean',
    default: 'true if one of the next keys is given',
    from: to.landlockDetails,
    setUp: true,
    normal: to.toLandlock,
    options: () => [
      launchOption('Isolation', '--landlock', 'a second wall around the jail, by Landlock', () => true),
    ],
  },
  /** The ABI of Landlock to use, 1 to 6; one below 6 confines less. `any`: the newest that this kernel has, and none where it has none. */
  landlockAbi: {
    type: "number, 1 to 6, or `'any'`",
    default: '6',
    setUp: true,
    normal: to.toAbi,
    options: () => [
      launchOption(
        'Isolation',
        '--landlock-abi N',
        'do with this older ABI of Landlock (default 6), or with `any` or none',
        parseNumeric,
      ),
    ],
  },
  /** Paths in the jail: the program may read and execute beneath them, and reaches nothing beneath other paths. */
  landlockRo: paths('--landlock-ro PATH', 'only read and execute beneath PATH; may be repeated'),
  /** Paths in the jail: the program may read and write beneath them, and reaches nothing beneath other paths. */
  landlockRw: paths('--landlock-rw PATH', 'only read and write beneath PATH; may be repeated'),
  /** TCP ports to which the program may connect; `[]` for none. */
  connectTcp: ports('--connect-tcp', 'connect to'),
  /** TCP ports to which the program may bind; `[]` for none. */
  bindTcp: ports('--bind-tcp', 'bind to'),
} as const satisfies Rows;
