import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import t from 'tap';

import { capabilityNumber } from '../../../lib/launch/request/capabilities.ts';
import { callNumbers } from '../../../lib/launch/seccomp/call-table.ts';
import { makeFilter } from '../../../lib/launch/seccomp/filter.ts';
import { makeDirectory } from '../../support/directory.ts';
import { packageDirectory } from '../../support/launch.ts';
import { unlessInstalled } from '../../support/root.ts';
import { answerOf, rulesFor, type JsonProfile } from '../../support/launch/seccomp/evaluator.ts';
import { audit, run } from '../../support/launch/seccomp/interpreter.ts';
import { profiles } from '../../support/launch/seccomp/profiles.ts';

// crun needs the library, so it is there where crun is.
const library = '/usr/lib/x86_64-linux-gnu/libseccomp.so.2';
const skip =
  unlessInstalled('gcc', 'crun') || (!existsSync(library) && 'the tables of this test are those of x86-64');

// enum scmp_compare (seccomp.h)
const operators = ['', 'NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'];

function linesOf(profile: JsonProfile, facts: Parameters<typeof rulesFor>[2]): string {
  const lines = [String(answerOf(profile.defaultAction, profile.defaultErrnoRet))];
  for (const call of callNumbers('x64').keys()) {
    for (const { action, errnoRet, args } of rulesFor(profile, call, facts)) {
      const tests = args ?? [];
      const isRepeated = new Set(tests.map(({ index }) => index)).size < tests.length;
      for (const group of isRepeated ? tests.map((test) => [test]) : [tests]) {
        const words = group.map(({ index, op, value, valueTwo = 0 }) =>
          [index, operators.indexOf(op.slice(9)), BigInt(value), BigInt(valueTwo)].join(' '),
        );
        lines.push([call, answerOf(action, errnoRet), group.length, ...words].join(' '));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

const samples: readonly bigint[] = [
  0n,
  1n,
  2n,
  8n,
  9n,
  10n,
  16n,
  37n,
  38n,
  39n,
  40n,
  41n,
  131072n,
  131080n,
  0xffffffffn,
  1n << 32n,
  0x7e020000n,
  0x10000000n,
  0x1200011n,
  2n ** 64n - 1n,
];

t.test("libseccomp's filters of published profiles answer every call as ours do", { skip }, async (t) => {
  const directory = makeDirectory(t);
  const program = `${directory}/libseccomp`;
  execFileSync(
    'gcc',
    ['-O1', '-Wall', '-Werror', '-o', program, `${packageDirectory}/test/support/libseccomp.c`, library],
    {
      env: { PATH: process.env.PATH },
    },
  );
  // libseccomp has an order of its own for rules of one call that hold together: only profiles without them
  for (const { file, text } of profiles.filter(({ file }) => file !== 'everything.json')) {
    const profile = JSON.parse(text) as JsonProfile;
    for (const caps of [[], ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_BPF'], ['CAP_AUDIT_WRITE']]) {
      const facts = { goArchitecture: 'amd64', caps, kernel: [6, 12] } as const;
      const made = spawnSync(program, { input: linesOf(profile, facts), maxBuffer: 1 << 20 });
      t.equal(made.status, 0, String(made.stderr));
      const ours = makeFilter({
        architecture: 'x64',
        caps: caps.map((cap) => capabilityNumber(cap) ?? -1),
        kernel: '6.12',
        isIsolated: false,
        isLog: false,
        profile: { file, text },
        allow: [],
        allowNewPrivs: false,
        hasInit: false,
      }).bytes;
      let compared = 0;
      let steps = { ours: 0, theirs: 0 };
      for (const [call, number] of callNumbers('x64')) {
        // newer calls do not exist in ours; ioctl and keyrings have the rules of every launch
        if (number > 450 || ['ioctl', 'add_key', 'request_key', 'keyctl'].includes(call)) continue;
        for (const first of samples)
          for (const third of [0n, 9n, 2n ** 32n]) {
            const question = { architecture: audit.x64, number, args: [first, first, third, 0n, 0n, 0n] };
            const [own, other] = [run(ours, question), run(made.stdout, question)];
            steps = { ours: steps.ours + own.steps, theirs: steps.theirs + other.steps };
            compared++;
            if (own.answer !== other.answer)
              t.equal(
                own.answer.toString(16),
                other.answer.toString(16),
                `${file}: ${call}(${first}, ${first}, ${third})`,
              );
          }
      }
      t.ok(compared > 15_000);
      t.ok(
        steps.ours * 4 < steps.theirs,
        `${ours.length / 8} instructions and ${steps.ours} steps, libseccomp's ${made.stdout.length / 8} and ${steps.theirs}`,
      );
    }
  }
});
