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

/** The files that a value passes, by the page, each with the functions, or the row, that it passes there. */
function wayOf(value: string): readonly { readonly file: string; readonly names: readonly string[] }[] {
  const section = page.split(/^(?=`\w+` of |## )/m).find((text) => text.startsWith(`\`${value}\` of `));
  return [...(section ?? '').matchAll(/^\d+\. (`[^:]+):/gm)].map(([, entry = '']) => {
    const [file = '', ...names] = [...entry.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
    return { file, names };
  });
}

const ways = { user: { typescript: 10, native: 3 }, args: { typescript: 10, native: 1 } };

for (const [value, { typescript, native }] of Object.entries(ways))
  t.test(`the way of ${value} through the code is short, and enters no file twice`, async (t) => {
    const way = wayOf(value);
    t.equal(new Set(way.map(({ file }) => file)).size, way.length);
    t.equal(way.filter(({ file }) => file.startsWith('lib/')).length, typescript);
    t.equal(way.filter(({ file }) => file.startsWith('native/')).length, native);
    const texts = way.map(({ file }) => readFileSync(`${packageDirectory}/${file}`, 'utf8'));
    for (const [i, { file, names }] of way.entries()) {
      t.ok(names.length > 0);
      for (const name of names) {
        t.match(texts[i], new RegExp(`\\b${name}\\b`), `${file} has ${name}`);
        // the beginning; or beyond the launcher, to which the value comes among the bytes of a plan
        if (i === 0 || (value === 'args' && file.startsWith('native/'))) continue;
        const use = new RegExp(`\\b${name}\\(|\\bto\\.${name}\\b|op: '${name}'`);
        t.ok(
          texts.slice(0, i).some((text) => use.test(text)),
          `${name} is called before ${file}`,
        );
      }
    }
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
