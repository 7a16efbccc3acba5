// The manual pages that scripts/manual.mjs makes of doc/.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';

import t from 'tap';

import type { Option } from '../lib/values/command-option.ts';
import { inetdCommands } from '../lib/bin/inetd/inetd-commands.ts';
import { serve } from '../lib/bin/inetd/inetd-serve.ts';
import { commands as jailCommands } from '../lib/bin/jail/jail-commands.ts';
import { serviceCommands } from '../lib/bin/service-commands.ts';
import { tcpdCommands } from '../lib/bin/tcpd/tcpd-commands.ts';
import { fileOptions } from '../lib/bin/tcpd/tcpd-options.ts';
import { commandOptions } from '../lib/bin/uchroot-options.ts';
import { packageDirectory } from './support/launch.ts';

const { man: files } = JSON.parse(readFileSync(`${packageDirectory}/package.json`, 'utf8')) as {
  man: readonly string[];
};
const directory = t.testdir();
const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', MANWIDTH: '80' };

function start(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
  t.equal(stderr, '', `${program} ${args.join(' ')} has no warning`);
  t.equal(status, 0);
  return stdout;
}

const show = (file: string): string =>
  start('man', ['--warnings', '-E', 'UTF-8', '-l', join(directory, file)]).replaceAll(/.\u0008/g, '');

start(process.execPath, [`${packageDirectory}/scripts/manual.mjs`, directory]);
const pages = new Map(files.map((file) => [file, show(file)]));

/** The lines of a section. */
const sectionOf = (page: string, heading: string): readonly string[] =>
  page
    .split(`\n${heading}\n`)[1]
    ?.split(/\n(?=\S)/, 1)[0]
    ?.split('\n') ?? [];

// man-pages(7), "Sections within a manual page"
const ofCommand = [
  'NAME',
  'SYNOPSIS',
  'DESCRIPTION',
  'OPTIONS',
  'EXIT STATUS',
  'FILES',
  'EXAMPLES',
  'SEE ALSO',
] as const;
const ofLibrary = ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'ERRORS', 'SEE ALSO'] as const;

for (const [file, page] of pages) {
  t.test(`${file} has the sections of a manual page, in their order`, async (t) => {
    const headings: readonly string[] = file.endsWith('.3.gz') ? ofLibrary : ofCommand;
    const found = page.split('\n').filter((line) => headings.includes(line));
    t.same(found, headings);
    for (const heading of headings) t.not(sectionOf(page, heading).join('').trim(), '', heading);
  });

  t.test(`${file} is as wide as a terminal, but for examples`, async (t) => {
    const wide = page.split('\n').filter((line) => line.length > 80 && !line.startsWith(' '.repeat(11)));
    t.same(wide, []);
    t.same(
      sectionOf(page, 'SYNOPSIS').filter((line) => line.length > 80),
      [],
    );
  });

  t.test(`${file} has no Markdown left, and refers to pages that there are`, async (t) => {
    t.notMatch(page, /\]\((?!\))|<!--|\*\*|\.md#|^ *\|.*\|$/m);
    const known = new Set(files.map((one) => basename(one, '.gz').replace(/\.(\d)$/, '($1)')));
    const named = page.replaceAll(/‐\n */g, '').match(/\buchroot[a-z-]*\(\d\)/g) ?? [];
    t.ok(named.length > 2);
    t.same(
      named.filter((one) => !known.has(one)),
      [],
    );
  });
}

type Commands = Readonly<Record<string, { readonly options: readonly Option[] }>>;

const optionsOf = (commands: Commands) => Object.values(commands).flatMap(({ options }) => options);
const { check, ...others } = jailCommands;

for (const [name, options] of Object.entries({
  uchroot: commandOptions(),
  'uchroot-inetd': [...serve.options, ...optionsOf(inetdCommands)],
  'uchroot-jail': optionsOf(others),
  'uchroot-jail-check': check?.options ?? [],
  'uchroot-service': optionsOf(serviceCommands),
  'uchroot-tcpd': [...fileOptions, ...optionsOf(tcpdCommands)],
}))
  t.test(`${name}(8) has each option with its value, as --help has them`, async (t) => {
    const page = pages.get(`man/${name}.8.gz`) ?? '';
    const terms = page.split('\n').filter((line) => /^ {7}--/.test(line));
    // the text stands behind a short term
    const hasTerm = (spelling: string) =>
      terms.some((line) => `${line} `.includes(` ${spelling} `) || line.includes(` ${spelling},`));
    t.ok(options.length > 0);
    for (const { name, metavar, choice = '' } of options) {
      const spellings = metavar?.split('|').map((value) => `--${name} ${value}`) ?? [];
      const isThere = hasTerm(metavar === undefined ? `--${name}${choice}` : `--${name} ${metavar}`);
      t.ok(isThere || (spellings.length > 1 && spellings.every(hasTerm)), name);
    }
  });

t.test('man(1) finds the pages where npm puts them, and apropos(1) has their names', async (t) => {
  const sections = { '8': 'man8', '3': 'man3' } as const;
  for (const [section, name] of Object.entries(sections)) {
    mkdirSync(join(directory, 'share', name), { recursive: true });
    for (const file of files.filter((one) => one.endsWith(`.${section}.gz`)))
      renameSync(join(directory, file), join(directory, 'share', name, basename(file)));
  }
  const share = join(directory, 'share');
  t.equal(start('man', ['-M', share, '-w', 'uchroot']), `${share}/man8/uchroot.8.gz\n`);
  t.equal(start('man', ['-M', share, '-w', '3', 'uchroot']), `${share}/man3/uchroot.3.gz\n`);
  for (const file of files) {
    const section = /\.(\d)\.gz$/.exec(file)?.[1] as keyof typeof sections;
    const [name] = basename(file).split('.');
    t.match(start('lexgrog', [join(share, sections[section], basename(file))]), `: "${name} - `);
  }
});
