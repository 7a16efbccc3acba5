// Grades a Python program: node grader.mjs TESTS.json PROGRAM.py, as root. TESTS.json is [{"input": "2 3", "output": "5"}, …].
import { readFile } from 'node:fs/promises';

import { buildJail, openJail } from 'uchroot';

const [testFile, programFile] = process.argv.slice(2);
const tests = JSON.parse(await readFile(testFile, 'utf8'));
const code = await readFile(programFile, 'utf8');
if (code.includes('\0') || Buffer.byteLength(code) >= 2 ** 17) {
  console.error(`${programFile}: has a NUL byte, or 128 KiB or more: that cannot be an argument`);
  process.exit(1);
}
const directory = process.env.JAIL ?? '/srv/grader';
await buildJail({ directory, programs: ['python3'] });

const jail = await openJail(directory, {
  untrusted: true, // doc/untrusted.md: the list. These take the place of its limits:
  memory: '128M',
  pids: 16,
  time: 5,
  maxBufferBytes: 2 ** 16, // of stdout, and of stderr
  reject: false,
});
const program = jail.prepare({ program: '/usr/bin/python3', args: ['-I', '-c', code] });

/** `passed`, `wrong`, the limit that was reached, or how the program failed. */
function verdictOf({ limit, signal, exitCode, stdout }, expected) {
  if (limit !== undefined) return limit;
  if (exitCode !== 0) return signal ?? `status ${exitCode}`;
  return stdout.trimEnd() === expected.trimEnd() ? 'passed' : 'wrong';
}

let passed = 0;
for (const [test, { input, output }] of tests.entries()) {
  const result = await program.run({ input });
  const verdict = verdictOf(result, output);
  if (verdict === 'passed') passed++;
  const { totalCpuMs, peakMemoryBytes } = result.usage;
  console.log(JSON.stringify({ test, verdict, totalCpuMs, peakMemoryBytes, stderr: result.stderr }));
}
console.log(`${passed} of ${tests.length}`);
jail.close();
