// Reads TAP on stdin. Prints a line for each file, and all failed or skipped tests, and ends with
// "N passed, N failed, N skipped". A test is a point one level below its file. A test without an assertion
// fails here, although tap lets it pass.
import { createInterface } from 'node:readline';

const count = { passed: 0, failed: 0, skipped: 0 };
let failedInFile = 0;
let inDiagnosis = false;
let withoutAssertion = false;

for await (const line of createInterface({ input: process.stdin })) {
  const point = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO|time=).*)?$/.exec(line);
  const depth = point ? point[1].length / 4 : -1;
  const empty = point !== null && (/ # SKIP no tests found/.test(line) || (depth === 1 && withoutAssertion));
  const failed = point !== null && ((point[2] !== undefined && point[4] !== 'TODO') || empty);

  if (/^ {8}1\.\.0$/.test(line)) withoutAssertion = true;
  if (depth === 1) {
    withoutAssertion = false;
    if (failed) failedInFile++;
    else count[point[4] === 'SKIP' || point[4] === 'TODO' ? 'skipped' : 'passed']++;
  } else if (depth === 0) {
    // a file can fail without a failed test: a crash, a timeout, no tests at all
    count.failed += failed ? Math.max(failedInFile, 1) : failedInFile;
    failedInFile = 0;
  }

  const ends = inDiagnosis && /^ *\.\.\.$/.test(line);
  if (failed) inDiagnosis = true;
  else if (point) inDiagnosis = false;
  if (inDiagnosis || depth === 0 || point?.[4] === 'SKIP' || line.startsWith('Bail out!')) {
    console.log(empty ? `${line} (no assertion)` : line);
  }
  if (ends) inDiagnosis = false;
}

console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
