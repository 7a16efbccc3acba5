import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { uchrootJail } from '../support/builder.ts';
import { publicCommand, start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

t.test('each usage error is one clear line, a hint where there is one, and status 1', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  writeFileSync(`${base}/text`, 'hello\n', { mode: 0o755 });
  writeFileSync(`${base}/lost`, '#!/no/such/interpreter\n', { mode: 0o755 });
  symlinkSync('loop', `${base}/loop`);
  mkdirSync(`${base}/papers/x`, { recursive: true });
  const wrong: readonly [words: readonly string[], message: RegExp, hint?: RegExp][] = [
    [
      [],
      /^Usage: uchroot-jail build\|update\|list\|clone\|check\|explain\|export\|sbom\|diff\|advisories\|remove\|changes\|commit\|discard DIRECTORY \.\.\.$/,
    ],
    [['biuld', jail], /^uchroot-jail: unknown command biuld$/, /^did you mean build\?$/],
    [['toString', jail], /^uchroot-jail: unknown command toString$/],
    [['--hlep'], /^uchroot-jail: unknown option --hlep$/, /^did you mean --help\?$/],
    [['--xml', 'list', jail], /^uchroot-jail: unknown option --xml$/, /^uchroot-jail --help$/],
    [
      ['load', 'x.tar'],
      /^uchroot-jail: unknown command load$/,
      /^uchroot-jail build DIRECTORY --image FILE$/,
    ],
    [['build'], /^Usage: uchroot-jail build DIRECTORY /],
    [['build', jail], /^uchroot-jail: no program, package, pack or file is named$/],
    [['build', ''], /^uchroot-jail: DIRECTORY must be a path, not ''$/, /^for example \/srv\/jail$/],
    [['build', jail, 'bash', '--plann'], /^uchroot-jail: unknown option --plann$/, /^did you mean --plan\?$/],
    [['build', jail, 'bash', '--xml'], /^uchroot-jail: unknown option --xml$/],
    [['build', jail, 'bash', '--plan=1'], /^uchroot-jail: option --plan takes no value$/],
    [
      ['export', jail, 'f', '--tag', 'A'],
      /--tag must be a name and a tag, not 'A'/,
      /^for example --tag python:3\.13$/,
    ],
    [
      ['export', jail, 'f', '--format', 'tar', '--tag', 'a:1'],
      /--tag is for an image, and --format tar makes none/,
    ],
    [['export', jail, 'f', '--unit', ''], /--unit must be a path/, /^for example --unit \//],
    [
      ['export', jail, 'f', '--unit', 'a'],
      /^uchroot-jail: --unit: an image /,
      /--format squashfs or --format tar/,
    ],
    [['build', jail, '--package'], /^uchroot-jail: option --package needs a value$/],
    [['build', jail, ''], /^uchroot-jail: PROGRAM must be a path, not ''$/],
    [
      ['build', jail, '--package', ''],
      /^uchroot-jail: --package must be a name, not ''$/,
      /--package nginx$/,
    ],
    [
      ['build', jail, '--package', 'x y'],
      /^uchroot-jail: package x y is not installed/,
      /^a name has small letters/,
    ],
    [
      ['build', jail, '--recipe', ''],
      /^uchroot-jail: --recipe must be a path, not ''$/,
      /^for example --recipe \//,
    ],
    [
      ['build', jail, '--from-host', '--from', '/'],
      /--from-host and --from are given at once/,
      /^leave --from out$/,
    ],
    [['explain', jail, ''], /^uchroot-jail: PATH must be a path, not ''$/, /^for example \/bin\/sh$/],
    [
      ['explain', jail, '--html', ''],
      /^uchroot-jail: --html must be a path, not ''$/,
      /^for example --html \//,
    ],
    [['export', jail, ''], /^uchroot-jail: FILE must be a path, not ''$/, /^for example \//],
    [
      ['sbom', '/etc'],
      /^uchroot-jail: \/etc has no manifest/,
      /^name a directory that uchroot-jail has built$/,
    ],
    [
      ['sbom', '/etc/passwd'],
      /it has no tar archive where there should be one$/,
      /^name the layout of an image/,
    ],
    [
      ['build', jail, 'no-such-program'],
      /no-such-program is in none of the directories of PATH$/,
      /install it/,
    ],
    [['build', jail, `${base}/none`], /^uchroot-jail: program \S+\/none: it is not there$/],
    [['build', jail, base], /: it is not a regular file$/],
    [['build', jail, `${base}/loop`], /lead in a circle$/],
    [['build', jail, `${base}/text`], /: it is neither an ELF file nor a script with #!$/],
    [
      ['build', jail, `${base}/lost`],
      /^uchroot-jail: interpreter \/no\/such\/interpreter, needed by \S+\/lost: it is not there$/,
    ],
    [
      ['build', jail, '--pack', 'no-such-pack'],
      /^uchroot-jail: there is no pack no-such-pack$/,
      /the packs are/,
    ],
    [
      ['build', jail, 'bash', '--no-pack', 'bsae'],
      /^uchroot-jail: there is no pack bsae$/,
      /did you mean base/,
    ],
    [['build', jail, '--package', 'no-such-package'], /^uchroot-jail: .*no-such-package/],
    [
      ['build', jail, 'bash', '--user', 'no-such-user'],
      /^uchroot-jail: Unknown user no-such-user$/,
      /getent/,
    ],
    [
      ['build', jail, 'bash', '--user', 'nobdy'],
      /^uchroot-jail: Unknown user nobdy$/,
      /^did you mean nobody\?$/,
    ],
    [
      ['build', '/etc/passwd', 'bash'],
      /^uchroot-jail: \/etc\/passwd: not a directory/,
      /^name a directory: /,
    ],
    [
      ['build', jail, 'bash', '--from', '/etc/passwd'],
      /^uchroot-jail: \/etc\/passwd, to build the jail from: not a directory, open$/,
    ],
    [['build', jail, '--copy', `${base}/none`], /^uchroot-jail: copy \S+\/none: it is not there$/],
    [
      ['build', jail, '--copy', `${base}/text:/../x`],
      /^uchroot-jail: --copy must be a path of the jail where a copy can be, not '\/\.\.\/x'/,
    ],
    [['build', jail, 'bash', '--keep-privileges', `${base}/none`], /\/none: it is not there$/],
    [
      ['build', jail, 'bash', '--from', `${base}/none`],
      /^uchroot-jail: \S+\/none, to build the jail from: no such file or directory, open$/,
    ],
    [['build', `${base}/papers`, 'bash'], /is not empty, and no jail/, /new or an empty directory/],
    [['build', `${base}/text`, 'bash'], /^uchroot-jail: \S+\/text: not a directory/],
    [['build', `${base}/loop`, 'bash'], /^uchroot-jail: \S+\/loop: /],
    [
      ['build', '/tmp', 'bash'],
      /^uchroot-jail: \/tmp can be written by everybody \(mode 1777\)$/,
      /directory below it/,
    ],
    [['build', '/', 'bash'], /^uchroot-jail: \/ holds the host's own /],
    [['update'], /^Usage: uchroot-jail update DIRECTORY/],
    [['update', jail, 'bash'], /^Usage: uchroot-jail update DIRECTORY/],
    [['update', jail], /^uchroot-jail: \S+: there is no such directory$/],
    [['update', `${base}/text`], /: it is not a directory$/],
    [['list'], /^Usage: uchroot-jail list DIRECTORY/],
    [['list', base, '--plan'], /^uchroot-jail: unknown option --plan$/],
    [['explain', jail], /^Usage: uchroot-jail explain DIRECTORY PATH$/],
    [['clone', jail], /^Usage: uchroot-jail clone TEMPLATE DIRECTORY$/],
    [['remove'], /^Usage: uchroot-jail remove DIRECTORY$/],
  ];
  for (const [words, message, hint] of wrong) {
    const { status, stdout, stderr } = uchrootJail(words);
    const [first = '', ...more] = stderr.split('\n');
    const label = words.join(' ');
    // the usage, and the words that are missing or too many
    const isUsage = first.startsWith('Usage: uchroot-jail ') && words.length > 0;
    const cause = /^uchroot-jail: ([A-Z]+( and [A-Z]+)? (is|are) missing|bash is one word too many)$/;
    if (isUsage) t.match(more.shift(), cause, label);
    const [second, ...others] = more;
    const isUnknown = first.startsWith('uchroot-jail: Unknown user');
    t.same({ status, stdout }, { status: isUnknown ? 2 : 1, stdout: '' }, label);
    t.match(first, message, label);
    if (hint !== undefined) t.match(second?.replace(/^hint: /, ''), hint, label);
    t.same(second === '' ? others : others.slice(0, -1), [], `${label}: nothing more`);
    if (second !== '') t.match(second, /^hint: ./, label);
  }
  t.notOk(existsSync(jail), 'and nothing is made');
});

t.test('a name that a terminal would obey is shown, and not sent', asRoot, async (t) => {
  const base = makeDirectory(t);
  for (const words of [
    ['build', `${base}/jail`, 'a\x1b[2J\nb'],
    ['\x1b[2J', 'x'],
    ['build', `${base}/jail`, '--\x1b[2J'],
    ['update', `${base}/a\nb`],
    ['build', `${base}/jail`, 'bash', '--user', 'a\nb'],
  ]) {
    const { status, stderr } = uchrootJail(words);
    t.equal(status, words.includes('--user') ? 2 : 1);
    // oxlint-disable-next-line no-control-regex
    t.notMatch(stderr, /\x1b|[^\n]\n(?!hint: |$)/);
  }
});

t.test('help and version go to standard output', asRoot, async (t) => {
  for (const words of [['--help'], ['build', '--help'], ['list', 'x', '--help']]) {
    const { status, stdout, stderr } = uchrootJail(words);
    const first = words[0] === 'list' ? /^Usage: uchroot-jail list / : /^Usage: uchroot-jail build /;
    t.match({ status, stdout, stderr }, { status: 0, stdout: first, stderr: '' });
    if (words.length > 1)
      t.notMatch(stdout, /uchroot-jail clone/, 'the help of one command is about that one');
  }
  const { stdout } = uchrootJail(['--help']);
  for (const name of ['update', 'list', 'clone', 'explain', 'remove'])
    t.match(stdout, new RegExp(`\\n +uchroot-jail ${name} `));
  t.match(stdout, /\n {2}base +\S/, 'with the packs');
  t.match(uchrootJail(['--version']), { status: 0, stdout: /^uchroot-jail \d+\.\d+\.\d+\n$/ });
});

t.test('options may stand between operands, and -- ends them', asRoot, async (t) => {
  const base = makeDirectory(t);
  writeFileSync(`${base}/--plan`, '#!/bin/sh\n', { mode: 0o755 });
  const planned = uchrootJail(['build', `${base}/jail`, '--plan', 'bash', '--user', 'nobody', 'ls']);
  t.match(planned, { status: 0, stderr: '', stdout: /added \/usr\/bin\/bash.*added \/usr\/bin\/ls/s });
  t.notOk(existsSync(`${base}/jail`));
  t.match(uchrootJail(['build', '--', `${base}/jail`, `${base}/--plan`]), { status: 0 });
  t.ok(existsSync(`${base}/jail${base}/--plan`));
});

t.test('names that are no UTF-8 reach the jail byte for byte', asRoot, async (t) => {
  const base = makeDirectory(t);
  const name = Buffer.concat([Buffer.from(`${base}/a`), Buffer.from([0xff])]);
  writeFileSync(name, '#!/bin/sh\n', { mode: 0o755 });
  // Uses a shell, because Node encodes arguments as UTF-8.
  const words = [`${base}/jail`, `${base}/a`];
  const script =
    'j=$1 p=$2; shift 2; exec "$@" build "$j" "$p$(printf \'\\377\')" --copy "$p$(printf \'\\377\')":/c';
  const { status, stdout, stderr } = uchrootJail([], { by: ['sh', '-c', script, 'sh', ...words] });
  t.match({ status, stderr }, { status: 0, stderr: '' }, stdout);
  t.ok(existsSync(Buffer.concat([Buffer.from(`${base}/jail`), name])));
  t.ok(existsSync(`${base}/jail/c`));
  t.match(uchrootJail(['list', `${base}/jail`]).stdout, /\/a\\xff: asked for\n/);
});

t.test("an ordinary user is told that a jail of root's is not his", needs('setpriv'), async (t) => {
  const directory = makeDirectory(t);
  t.equal(uchrootJail(['build', directory, 'sh']).status, 0);
  for (const words of [
    ['build', directory, 'sh'],
    ['update', directory],
    ['list', directory],
    ['explain', directory, '/x'],
  ]) {
    const by = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const { status, stderr } = start([...publicCommand('uchroot-jail'), ...words], { by });
    t.match(
      { status, stderr },
      {
        status: 1,
        stderr: /^uchroot-jail: .* only its owner and root can work on a jail\nhint: try sudo, .*\n$/,
      },
    );
  }
});
