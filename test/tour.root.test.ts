import { readFileSync } from 'node:fs';

import t from 'tap';

import { packageDirectory, start } from './support/launch.ts';
import { unlessRoot } from './support/root.ts';

const page = readFileSync(`${packageDirectory}/CONTRIBUTING.md`, 'utf8');

/** The files that the page names for a subject, in its order. */
function filesOnPage(subject: string): readonly string[] {
  const section = page
    .split(/^(?=A .*\(`)/m)
    .find((text) => text.split('\n')[0]?.includes(`(\`${subject}\``));
  return [...(section ?? '').matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file ?? '');
}

for (const subject of ['launch', 'rule', 'file'])
  t.test(
    `the tour of a ${subject} prints something of each file that CONTRIBUTING names, in that order`,
    { skip: unlessRoot() },
    async (t) => {
      const { status, stdout, stderr } = start([
        process.execPath,
        `${packageDirectory}/scripts/tour.mjs`,
        subject,
      ]);
      t.equal(stderr, '');
      t.equal(status, 0);
      const sections = stdout.split(/^== /m).slice(1);
      const printed = sections.flatMap((section) => /^(?:lib|native)\/[\w./-]+/.exec(section) ?? []);
      const expected = filesOnPage(subject);
      t.ok(expected.length >= 5);
      t.same(printed, expected);
      for (const section of sections) t.match(section, /\n./);
    },
  );
