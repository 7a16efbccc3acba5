import { readFileSync } from 'node:fs';

import t from 'tap';

import { packageDirectory, start } from './support/launch.ts';
import { unlessRoot } from './support/root.ts';

const page = readFileSync(`${packageDirectory}/CONTRIBUTING.md`, 'utf8');

/** The files that the page names for a subject, in its order. */
function filesOnPage(subject: string): readonly string[] {
  const section = page
    .split(/^(?=A .*\(`|## )/m)
    .find((text) => text.split('\n')[0]?.includes(`(\`${subject}\``));
  return [...(section ?? '').matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file ?? '');
}

/** The files that a value passes, by the page. */
function filesOfValue(value: string): readonly string[] {
  const [, list = ''] = page.split(new RegExp(`^\`${value}\` of .*:\\n\\n`, 'm'));
  return [...(list.split(/\n\n/)[0] ?? '').matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file ?? '');
}

const ways = { user: { typescript: 9, native: 3 }, args: { typescript: 10, native: 3 } };

for (const [value, { typescript, native }] of Object.entries(ways))
  t.test(`the way of ${value} through the code is short, and enters no file twice`, async (t) => {
    const files = filesOfValue(value);
    t.ok(files.length >= 9);
    t.equal(new Set(files).size, files.length);
    t.ok(files.filter((file) => file.startsWith('lib/')).length <= typescript);
    t.ok(files.filter((file) => file.startsWith('native/')).length <= native);
    if (value === 'args') t.ok(files.length <= 10);
    const texts = files.map((file) => readFileSync(`${packageDirectory}/${file}`, 'utf8'));
    const names = files.map((file) => /[^/]+$/.exec(file)?.[0] ?? '');
    // each file of the library is reached from one before it; the rows of steps, by their table
    const table = readFileSync(`${packageDirectory}/lib/launch/plan/table.ts`, 'utf8');
    for (const [i, file] of files.entries())
      if (i > 0 && file.startsWith('lib/'))
        t.ok(
          [table, ...texts.slice(0, i)].some((text) => text.includes(`/${names[i]}'`)),
          `${file} is imported`,
        );
  });

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
