// The pages: each command in them is run as a reader types it, or has a note that says why not.
import { existsSync, readFileSync } from 'node:fs';

import t from 'tap';

import { compileExamples, isExample } from './support/example.ts';
import { packageDirectory, start } from './support/launch.ts';
import { bootMachine, unlessMachine } from './support/machine.ts';
import { pagePaths, readBlocks, type Block } from './support/page.ts';
import { prepareReader, runBlock } from './support/page-run.ts';
import { contexts, given } from './support/page-given.ts';

const blocks = pagePaths().flatMap(readBlocks);
const placeOf = ({ page, line }: Block): string => `${page}:${line}`;

// An indented block shows what nobody types: a synopsis, output, a line of a file.
const typed =
  /^(?:[#$] )?(?:sudo |exec )?(?:uchroot(?:-\w+)? |systemctl |curl |node |npm |(?:\.\/)?scripts\/\w|mount |import )/m;

const isRun = ({ language, note }: Block): boolean =>
  ['sh', 'console', 'js', 'ts'].includes(language) && !/^(?:not run: |run by )/.test(note ?? '');

t.test('a block that can be typed is in a fence with its language', async (t) => {
  t.ok(blocks.length > 100);
  const hidden = blocks.filter(
    ({ language, section, text }) => language === '' && section !== 'SYNOPSIS' && typed.test(text),
  );
  t.same(hidden.map(placeOf), []);
});

t.test('a block that is not run has a reason, or the test that runs it', async (t) => {
  const notes = blocks.filter(
    (block) => !isRun(block) && ['sh', 'console', 'js', 'ts'].includes(block.language),
  );
  for (const block of notes) {
    const [, reason, test] = /^(?:not run: (\S.{15,})|run by (test\/\S+))$/.exec(block.note ?? '') ?? [];
    t.ok(reason ?? test, placeOf(block));
    if (test === undefined) continue;
    t.ok(existsSync(`${packageDirectory}/${test}`), `${placeOf(block)}: ${test}`);
    t.match(
      readFileSync(`${packageDirectory}/${test}`, 'utf8'),
      block.page.split('/').at(-1) ?? '',
      placeOf(block),
    );
  }
});

t.test('the JavaScript of the pages compiles under strict', async (t) => {
  t.equal(
    compileExamples(blocks.filter(isExample), ({ page, section }) => contexts[page]?.[section]),
    '',
  );
});

// A cell of doc/from.md names options of the other tool, of uchroot, or of both.
t.test('each option of uchroot in doc/from.md exists', async (t) => {
  const commands = ['uchroot', 'uchroot-inetd', 'uchroot-jail', 'uchroot-tcpd'];
  const help = commands.map(
    (name) =>
      start([
        process.execPath,
        `${packageDirectory}/dist/bin/${name}.cjs`,
        name === 'uchroot' ? '--help=all' : '--help',
      ]).stdout,
  );
  const known = new Set(help.join().match(/--[a-z][a-z0-9-]*/g));
  const rows = readFileSync(`${packageDirectory}/doc/from.md`, 'utf8').matchAll(
    /^\| [^|]* \| ([^|]*) \| [^|]*\|$/gm,
  );
  const named = [...rows].flatMap(([, cell = '']) => cell.match(/--[a-z][a-z0-9-]*/g) ?? []);
  t.ok(named.length > 30);
  t.same(
    named.filter((name) => !known.has(name)),
    [],
  );
});

const skip = unlessMachine('sudo', 'curl', 'nginx', 'python3', 'bwrap', 'jk_init', 'tcpdmatch');

// Each page begins without jails.
const empty = 'pkill -x node; umount -l $(findmnt -rno TARGET | grep ^/srv/) 2>/dev/null; rm -rf /srv/*';

t.test('the blocks of the pages run', { skip }, async (t) => {
  const machine = await bootMachine();
  t.teardown(async () => await machine.stop());
  prepareReader(machine);
  for (const page of pagePaths().filter((page) => page !== 'doc/services.md')) {
    const run = blocks.filter(
      (block) => block.page === page && (isRun(block) || block.note?.startsWith('file ')),
    );
    if (run.length === 0) continue;
    t.test(page, async (t) => {
      const { status, stderr } = machine.shell(`${empty}\n${given[page] ?? ''}`);
      t.equal(status, 0, stderr);
      for (const block of run) runBlock(t, machine, block);
    });
  }
});
