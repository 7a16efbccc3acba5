// A table of refused launches: words, exit status, and stderr.
import { rootTest, uchroot } from './launch.ts';

export type Refusal = readonly [
  what: string,
  words: readonly string[],
  status: number,
  stderr: RegExp | string,
];

/** Runs one test for each row: the status, an empty stdout, and on stderr one line, perhaps a hint or the usage. */
export function testRefusals(rows: readonly Refusal[]): void {
  const test = rootTest();
  for (const [what, words, status, stderr] of rows) {
    test(`${what}: status ${status}`, async (t) => {
      const ended = uchroot(words);
      t.equal(ended.status, status);
      t.equal(ended.stdout, '');
      if (typeof stderr === 'string') t.equal(ended.stderr, stderr);
      else t.match(ended.stderr, stderr);
      t.notMatch(ended.stderr, /[^\n\u0020-\u007e\u00a1-\uffff]/, 'nothing that a terminal would obey');
      t.ok(ended.stderr.split('\n').length <= 4, 'one line, a hint, and the usage');
    });
  }
}
