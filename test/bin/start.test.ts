// How the commands start: their first lines, and what they load.
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import t from 'tap';

import { packageDirectory } from '../support/launch.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

const directory = `${import.meta.dirname}/../../bin`;
const file = `${directory}/uchroot.cjs`;
// tap's options would also apply to this node.
const env = { PATH: process.env.PATH, ...sanitizerEnv };
const [firstLine, , thirdLine = ''] = readFileSync(file, 'latin1').split('\n', 3);
const [, started = ''] = /exec (node.*) '--inspect-port=\[ff00::\]' -- "\$0" "\$@"$/.exec(thirdLine) ?? [];
const flags = started.split(' ');

t.test('the first lines start a node that knows its flags', async (t) => {
  t.equal(firstLine, '#!/usr/bin/env sh');
  t.same(flags, ['node', '--no-rehash-snapshot']);
  const { status, stdout, stderr } = spawnSync(file, ['--version'], { encoding: 'utf8', env });
  t.equal(stderr, '');
  t.match(stdout, /^uchroot \d/);
  t.equal(status, 0);
});

t.test('without node in PATH, the command says what to do', async (t) => {
  const bin = t.testdir({ sh: t.fixture('symlink', '/bin/sh') });
  for (const name of ['uchroot', 'uchroot-jail', 'uchroot-tcpd', 'uchroot-inetd', 'uchroot-service']) {
    symlinkSync(resolve(directory, `${name}.cjs`), `${bin}/${name}`);
    const run = (env: Readonly<Record<string, string>>, ...words: readonly string[]) => {
      const all = { PATH: bin, ...env };
      const { status, stdout, stderr } = spawnSync(`${bin}/${name}`, words, { encoding: 'utf8', env: all });
      t.equal(status, 127);
      t.equal(stdout, '');
      const [message, hint, ...more] = stderr.split('\n');
      t.equal(message, `${name}: there is no node in PATH`);
      t.same(more, ['']);
      return hint;
    };
    t.equal(run({}, '--version'), 'hint: install Node, or add the directory of node to PATH');
    const sudo = { SUDO_USER: 'sam' };
    const because = '   # sudo sets a PATH of its own';
    const hint = run(sudo, '--help');
    t.equal(hint, `hint: sudo env "PATH=$PATH" ${name} --help${because}`);
    t.equal(run(sudo, 'sam', '/srv/jail', "a'b; c"), `hint: sudo env "PATH=$PATH" ${name} ...${because}`);
    const kept = Object.keys(sanitizerEnv).map((key) => `"${key}=$${key}"`);
    const followed = hint?.replace('hint: sudo', ['/usr/bin/env', '-i', ...kept].join(' ')) ?? '';
    const PATH = `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`;
    const { status, stdout } = spawnSync('/bin/sh', ['-c', followed], {
      encoding: 'utf8',
      env: { PATH, ...sanitizerEnv },
    });
    t.equal(status, 0);
    t.match(stdout, `Usage: ${name} `);
  }
});

// Without `--`, Node 20 looks for it among the words of the script too.
t.test('--env-file among the arguments of a program is not for node', async (t) => {
  const settings = `${t.testdir({ settings: 'NODE_OPTIONS=--not-an-option\n' })}/settings`;
  for (const name of ['uchroot', 'uchroot-jail', 'uchroot-tcpd', 'uchroot-inetd', 'uchroot-service']) {
    const words = ['--version', '--env-file', settings];
    const { stderr } = spawnSync(`${directory}/${name}.cjs`, words, { encoding: 'utf8', env });
    t.notMatch(stderr, /NODE_OPTIONS/, name);
  }
});

// Launches with an addon that pretends to be root, and tells at the end which scripts and which modules of Node it took.
const watched = `
  const { basename } = require('node:path');
  const { writeSync } = require('node:fs');
  const vm = require('node:vm');
  const scripts = [];
  vm.Script = class extends vm.Script {
    constructor(source, options) {
      super(source, options);
      scripts.push(basename(options.filename ?? options));
    }
  };
  const pretendRoot = require(${JSON.stringify(`${packageDirectory}/test/support/pretended-root.cjs`)});
  const { dlopen } = process;
  process.dlopen = (module, path) => {
    dlopen.call(process, module, path);
    const known = new Set(process.moduleLoadList);
    const tell = () => {
      const modules = process.moduleLoadList.filter((name) => !known.has(name));
      writeSync(1, JSON.stringify({ scripts, modules }));
      process.reallyExit(0);
    };
    module.exports = pretendRoot(module.exports, tell);
  };`;

for (const options of [[], ['--isolate']]) {
  t.test(
    `a launch with [${options.join()}] runs one bundle, and loads no other module of Node`,
    async (t) => {
      const hook = `${t.testdir({ 'watched.cjs': watched })}/watched.cjs`;
      const words = [...flags.slice(1), '--require', hook, file, ...options, 'sam', '/jail', '/bin/true'];
      const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
      t.equal(stderr, '');
      t.strictSame(JSON.parse(stdout), { scripts: ['bundle-hot.cjs'], modules: [] });
    },
  );
}

t.test('a command loads only those modules of Node that it uses', async (t) => {
  const script = `process.on('exit', () => process.stderr.write(process.moduleLoadList.join(' ')))`;
  const hook = `${t.testdir({ 'hook.cjs': script })}/hook.cjs`;
  for (const name of ['jail', 'service', 'tcpd', 'inetd']) {
    const words = ['--require', hook, `${directory}/uchroot-${name}.cjs`, '--version'];
    const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
    t.match(stdout, /^uchroot-\w+ \d/);
    t.match(stderr, /NativeModule fs/);
    t.notMatch(stderr, /NativeModule (crypto|dgram|dns|child_process|http|fs\/promises|zlib)\b/, name);
  }
});

// The bundle is minified. Classes are shown in logs, and functions in reports of memory and time.
t.test('what the library exports keeps its names in the bundle', async (t) => {
  for (const entry of ['index', 'posix', 'tcpwrappers']) {
    const script = `console.log(JSON.stringify(Object.entries(require('${directory}/../package/${entry}.cjs'))
      .filter(([name, value]) => typeof value === 'function' && value.name !== name)))`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env });
    t.equal(stderr, '');
    t.equal(stdout, '[]\n', entry);
  }
});
