// Rows of the steps that enter the jail, and of the step that executes the program.
import { quote } from '../../words/quote.ts';
import type { ExecveStep } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

/** The bytes of a string for the kernel. */
export function cString(bytes: Uint8Array): Uint8Array {
  const data = new Uint8Array(bytes.length + 1);
  data.set(bytes);
  return data;
}

// A table of offsets (program, argv, 0, env, 0), then the strings; `start` is where the data lies in the plan.
function execveData({ program, argv, env }: ExecveStep, start: number): Uint8Array {
  const tableBytes = (argv.length + env.length + 3) * 8;
  let size = tableBytes + program.length + 1;
  for (const string of argv) size += string.length + 1;
  for (const string of env) size += string.length + 1;
  // Node's pool starts each of its parts at a multiple of 8; memory of its own would take 2 µs of each launch
  const data = Buffer.allocUnsafe(size).fill(0);
  const table = new Uint32Array(data.buffer, data.byteOffset, tableBytes / 4);
  let at = tableBytes;
  let slot = 0;
  const put = (string: Uint8Array): void => {
    table[slot++ * 2] = start + at;
    data.set(string, at);
    at += string.length + 1;
  };
  put(program);
  argv.forEach(put);
  slot++;
  env.forEach(put);
  return data;
}

const tooLong = 'the arguments and the environment are too long';

export const jailEntryRows = {
  fchdir: {
    op: 14,
    call: 'fchdir',
    object: ({ directory }) => directory,
    purpose: 'into the verified jail directory',
  },
  chroot: {
    op: 15,
    call: 'chroot',
    object: () => '.',
    subject: ({ jail }) => jail,
    purpose: 'the jail becomes the root directory',
    needs: 'CAP_SYS_CHROOT',
  },
  chdir: {
    op: 16,
    call: 'chdir',
    object: ({ path }) => quote(path),
    purpose: 'working directory in the jail',
    encode: ({ path }) => ({ data: cString(path) }),
    look: { at: 'cwd' },
  },
  execve: {
    op: 36,
    call: 'execve',
    object: ({ program }) => quote(program),
    purpose: 'the program',
    flags: { program: true },
    encode: (step, dataStart) => ({
      a: step.argv.length,
      b: step.env.length,
      data: execveData(step, dataStart),
    }),
    failures: {
      E2BIG: {
        // a compiled launcher gets its environment from its caller
        reason: ({ detail }, { argv, env }: ExecveStep) =>
          typeof detail === 'string'
            ? tooLong
            : `${tooLong}: ${[...argv, ...env].reduce((sum, string) => sum + string.length + 1, 0)} bytes`,
        hint: 'together they may take a quarter of the soft stack limit, and one at most 128 KiB: --rlimit stack=BYTES',
      },
      EPERM: {
        // The effective bit of the file asks for more than the bounding set has (capabilities(7)).
        reason: 'operation not permitted, as for a file with capabilities that may not be gained',
        hint: ({ jail }, { program }: ExecveStep) =>
          `getcap ${jail}${quote(program)} shows them, and --cap NAME allows one`,
      },
      EAGAIN: {
        reason: ({ uid }) => `uid ${uid} has as many processes as its limit (RLIMIT_NPROC) allows`,
        hint: 'raise it with --rlimit nproc=N, or give each jail a uid of its own: the limit counts all processes of a uid',
      },
    },
    look: {
      at: 'program',
      after: ['ENOENT', 'ENOTDIR', 'EACCES', 'ENOEXEC', 'ELOOP', 'EINVAL', 'ELIBBAD'],
    },
  },
} satisfies SomeStepRows;
