// A tour for newcomers: follows one value through a run, and prints each file that handles it, in the order in which the run enters
// them. Needs root and npm run build.
//   node scripts/tour.mjs WALK...    the files, each with the functions that handle the value; without WALK, all walks
//   node scripts/tour.mjs --json     the same as data
//   node scripts/tour.mjs --page     writes the files into CONTRIBUTING.md
// It makes a copy of dist/lib in which each function tells when it is called with the value, or is the first to return
// it: the value itself, or a record of at most 16 keys that holds it, or whose records do. A whole request has more keys: it holds
// every value, and would tell nothing. Each function tells at once, because the process may become another program.
// A call of the addon that gets the value is a file of native/. Behind it the value is bytes, so the rest of the way is listed below;
// the symbols of the build prove that these functions are there.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { parse } from 'acorn';

const top = resolve(import.meta.dirname, '..');
// as deep as dist/lib, so that it finds the same addon
const copy = mkdtempSync(join(top, 'dist/tour-'));

// What each function of the copy calls first. `marks` are texts and numbers.
const prelude = String.raw`
import { writeSync as tourWrite } from 'node:fs';
const tourMarks = JSON.parse(process.env.UCHROOT_TOUR);
// it is no part of the walk, although it holds the value
delete process.env.UCHROOT_TOUR;
const tourBytes = tourMarks.filter((mark) => typeof mark === 'string');
// Arrays and buffers hold the value as they are; records hold it if one of their keys does, to this depth.
export const tourHas = (value, depth = 2) => {
  if (typeof value === 'string') return tourBytes.some((mark) => value.includes(mark));
  if (typeof value === 'number') return tourMarks.includes(value);
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof Uint8Array) return value.length < 4096 && tourBytes.some((mark) => Buffer.from(value).includes(mark));
  if (Array.isArray(value) || value instanceof Set) return [...value].some((item) => tourHas(item, depth));
  if (value instanceof Map) return [...value].some((item) => tourHas(item, depth));
  const names = depth === 0 ? [] : Object.keys(value);
  return names.length <= 16 && names.some((name) => tourHas(Object.getOwnPropertyDescriptor(value, name).value, depth - 1));
};
let isTelling = false;
const isThere = (value) => {
  // a look at a Proxy or an array calls functions too
  if (isTelling) return false;
  isTelling = true;
  const has = tourHas(value);
  isTelling = false;
  return has;
};
export const tourTell = (place) => void tourWrite(3, place + '\n');
export const tourIn = (place, args) => {
  const has = isThere(args);
  if (has) tourTell(place);
  return has;
};
export const tourOut = (had, place, value) => {
  if (!had && isThere(value)) tourTell(place);
  return value;
};
`;

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** The text of a compiled file whose functions tell. */
function instrument(file, text) {
  const edits = [];
  const insert = (at, word) => edits.push({ at, word, n: edits.length });
  const visit = (node, name, owner) => {
    if (node === null || typeof node !== 'object') return;
    if (Array.isArray(node)) {
      for (const each of node) visit(each, '', owner);
      return;
    }
    if (typeof node.type !== 'string') return;
    let within = owner;
    if (functions.has(node.type)) {
      const own = node.id?.name ?? name;
      // a function within a function has the name of that one: people look for the outer one
      within = owner ?? { name: own, isPlain: !node.generator && !node.async };
      const place = JSON.stringify(`${file} ${owner?.name || own || 'top'}`);
      const names = node.params.flatMap(namesOf);
      const had = `tour${node.start}`;
      const call = `tourIn(${place}, [${names.join(', ')}])`;
      const returns = `tourOut(${had}, ${place}, `;
      if (node.body.type === 'BlockStatement') {
        const first = node.body.body[0];
        const isConstructor = name === 'constructor' && /^\{\s*super\(/.test(text.slice(node.body.start));
        insert(isConstructor ? first.end : node.body.start + 1, `const ${had} = ${call};`);
        within = { ...within, returns };
      } else {
        insert(node.body.start, `tourOut(${call}, ${place}, `);
        insert(node.body.end, ')');
        within = { ...within, returns: undefined };
      }
      for (const param of node.params) visit(param, '', within);
      visit(node.body, '', within);
      return;
    }
    if (node.type === 'ReturnStatement' && node.argument !== null && owner?.returns !== undefined) {
      insert(node.argument.start, owner.returns);
      insert(node.argument.end, ')');
    }
    const label =
      node.type === 'MethodDefinition' || node.type === 'Property' || node.type === 'PropertyDefinition'
        ? (node.key.name ?? '')
        : node.type === 'VariableDeclarator'
          ? (node.id.name ?? '')
          : '';
    for (const [key, value] of Object.entries(node)) {
      if (key === 'type' || key === 'start' || key === 'end') continue;
      visit(value, key === 'value' || key === 'init' ? label : '', node.type === 'Class' ? undefined : owner);
    }
  };
  visit(parse(text, { ecmaVersion: 'latest', sourceType: 'module' }), '', undefined);
  // behind a word at the same place come those that were inserted later: an outer node is visited first
  edits.sort((a, b) => a.at - b.at || a.n - b.n);
  let out = '';
  let done = 0;
  for (const { at, word } of edits) {
    out += text.slice(done, at) + word;
    done = at;
  }
  return out + text.slice(done);
}

/** The names that a parameter binds. */
function namesOf(param) {
  switch (param.type) {
    case 'Identifier':
      return [param.name];
    case 'AssignmentPattern':
      return namesOf(param.left);
    case 'RestElement':
      return namesOf(param.argument);
    case 'ArrayPattern':
      return param.elements.flatMap((each) => (each === null ? [] : namesOf(each)));
    default:
      return param.properties.flatMap((each) =>
        namesOf(each.type === 'RestElement' ? each.argument : each.value),
      );
  }
}

/** Makes the copy. */
function makeCopy() {
  const source = join(top, 'dist/lib');
  cpSync(source, copy, { recursive: true, filter: (name) => !/\.(?:map|d\.ts)$/.test(name) });
  writeFileSync(join(copy, 'tour.js'), prelude);
  for (const name of readdirSync(copy, { recursive: true })) {
    if (!name.endsWith('.js') || name === 'tour.js') continue;
    const file = `lib/${name.slice(0, -3)}.ts`;
    const up = '../'.repeat(name.split('/').length - 1) || './';
    const text = readFileSync(join(copy, name), 'utf8');
    // native.ts hands a call on to the addon: the walk enters the file of native/ there
    const body = name === 'native.js' ? text + nativeCalls : instrument(file, text);
    writeFileSync(
      join(copy, name),
      `import { tourIn, tourOut, tourHas, tourTell } from '${up}tour.js';${body}`,
    );
  }
}
const nativeCalls = String.raw`
for (const [name, call] of Object.entries(native)) {
  if (typeof call !== 'function') continue;
  native[name] = (...args) => {
    const had = tourHas(args, 6);
    if (had || name.startsWith('exec')) tourTell('native ' + name);
    const result = call(...args);
    if (!had && tourHas(result, 4)) tourTell('native ' + name);
    return result;
  };
}
`;

// A number and a text that nothing else in a run is.
const uid = 61239;
const memory = 123_456_789;
const mark = 'tour-mark';

const command = (...words) => [join(copy, 'bin/uchroot-command.js'), ...words];
const ofServices = (...words) => [join(copy, 'bin/uchroot-service.js'), ...words];
const script = (text) => ['--input-type=module', '--eval', text];

const program = '/bin/true';

// Answers as the system bus and systemd do, for one service that does not run. It ends with the process that started it.
const bus = `
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { decodeMessage, encodeMessage } from '${pathToFileURL(copy).href}/service/adopt/bus-message.js';

const startOf = () => {
  try {
    const text = readFileSync('/etc/systemd/system/tour.service.d/uchroot.conf', 'utf8');
    return [...text.matchAll(/^ExecStart=[!-]*(\\/.*)$/gm)].at(-1)[1];
  } catch {
    return '${program}';
  }
};
const answers = {
  Hello: () => ['s', ':1.1'],
  Get: ([, name]) => ['v', name === 'Id' ? ['s', 'tour.service'] : ['as', []]],
  GetAll: () => ['a{sv}', Object.entries({
    Id: ['s', 'tour.service'], LoadState: ['s', 'loaded'], ActiveState: ['s', 'inactive'], Type: ['s', 'simple'],
    FragmentPath: ['s', '/etc/systemd/system/tour.service'],
    ExecStartEx: ['a(sasas)', [[startOf(), [startOf()], []]]],
  })],
};
createServer((socket) => {
  let got;
  socket.on('data', (bytes) => {
    if (got === undefined && bytes.includes('AUTH')) return socket.write('OK 0\\r\\n');
    got = got === undefined ? bytes.subarray('BEGIN\\r\\n'.length) : Buffer.concat([got, bytes]);
    for (let found = decodeMessage(got); found; found = decodeMessage(got)) {
      got = got.subarray(found.sizeBytes);
      const { serial, fields, body } = found.message;
      const [signature, value] = answers[fields[3]]?.(body) ?? [];
      const more = signature === undefined ? {} : { 8: signature };
      socket.write(encodeMessage({ type: 2, serial, fields: { 5: serial, ...more }, body: [value] }));
    }
  });
}).listen('/run/dbus/system_bus_socket');
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 100);
`;

// A host with a systemd that has one service, which does not run.
const host = String.raw`
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/dbus
for place in /etc /var/lib /usr/local/sbin; do
  mkdir -p /run/over$place/upper /run/over$place/work
  mount -t overlay -o lowerdir=$place,upperdir=/run/over$place/upper,workdir=/run/over$place/work none $place
done
printf '[Service]\nExecStart=${program}\n' >/etc/systemd/system/tour.service
cat >/run/bus.mjs <<'END'
${bus}
END
"$1" /run/bus.mjs </dev/null >/dev/null 2>&1 &
until [ -e /run/dbus/system_bus_socket ]; do sleep 0.05; done
printf '#!/bin/sh\n' | tee /usr/local/sbin/systemctl >/usr/local/sbin/systemd-analyze
chmod 755 /usr/local/sbin/systemctl /usr/local/sbin/systemd-analyze
exec "$@"
`;

const walks = {
  user: {
    title: '`user` of a command line, from argv to setresuid(2)',
    marks: [uid, String(uid)],
    words: (jail) => command(`${uid}:100`, jail, program),
    behind: [['native/plan/interpreter.cc', 'runPlan']],
  },
  args: {
    title: '`args` of runInJail, to execve(2)',
    marks: [mark],
    words: (jail) =>
      script(`import { runInJail } from '${copy}/index.js';
        await runInJail({ user: '${uid}:100', jail: '${jail}', program: '${program}', args: ['${mark}'], reject: false });`),
    behind: [
      ['native/start/processlaunch.cc', 'Process::run'],
      ['native/start/launch.cc', 'launch'],
      ['native/launcher/launcher.cc', 'launcherMain'],
      ['native/plan/interpreter.cc', 'runPlan'],
    ],
  },
  bind: {
    title: '`--bind` of a command line, from argv to move_mount(2)',
    marks: [mark],
    words: (jail) => command('--isolate', '--bind', `${jail}/../${mark}:/mnt`, `${uid}:100`, jail, program),
    behind: [
      ['native/start/launch.cc', 'launch'],
      ['native/launcher/launcher.cc', 'launcherMain'],
      ['native/plan/interpreter.cc', 'runPlan'],
      ['native/plan/mounts.cc', 'moveTree'],
    ],
  },
  memory: {
    title: '`--memory` of a command line, from argv to the reason that is told',
    marks: [memory, String(memory)],
    words: (jail) => command('--memory', String(memory), `${uid}:100`, jail, program),
    behind: [
      ['native/cgroup/cgroupinplace.cc', 'CgroupInPlace::make'],
      ['native/cgroup/cgroup.cc', 'makeCgroup'],
      ['native/launcher/limitwatch.cc', 'readWatch'],
    ],
  },
  rule: {
    title: 'a rule of hosts.allow, from the file to the verdict',
    marks: [mark],
    words: (jail) =>
      script(`import { openHosts } from '${copy}/tcpwrappers/index.js';
        const hosts = openHosts({ allow: '${jail}/hosts.allow', deny: '/dev/null' });
        await hosts.check({ daemon: 'sshd', client: { address: '192.0.2.8' } });`),
    behind: [],
  },
  adopt: {
    title: '`--ro-bind` of uchroot-service adopt, from argv to the drop-in',
    marks: [mark],
    words: (jail) => ofServices('adopt', 'tour', '--ro-bind', join(jail, '..', mark)),
    inside: host,
    behind: [],
  },
};

/** The file of native/ that has a call of the addon. */
function fileOfCall(name) {
  const sources = readdirSync(join(top, 'native'), { recursive: true }).filter((file) =>
    file.endsWith('.cc'),
  );
  const found = sources.find((file) =>
    readFileSync(join(top, 'native', file), 'utf8').includes(`Set("${name}"`),
  );
  if (found === undefined) throw new Error(`tour: no file of native/ exports ${name}`);
  return `native/${found}`;
}

/** Throws unless the build has the function in the object of that file. */
function checkSymbol(file, name) {
  const objects = readdirSync(join(top, 'build/Release/obj.target'), { recursive: true });
  const object = objects.find((each) => each.endsWith(file.replace(/cc$/, 'o')));
  if (object === undefined) throw new Error(`tour: ${file} is not built`);
  const symbols = execFileSync('nm', ['-C', join(top, 'build/Release/obj.target', object)], {
    encoding: 'utf8',
  });
  const isThere = symbols
    .split('\n')
    .some((line) => new RegExp(`^[^ ]* [tT] (?:\\w+::)*${name}(?:\\(|$)`).test(line));
  if (!isThere) throw new Error(`tour: ${file} has no function ${name}`);
}

/** Each file with its functions, and how often the run has entered it. */
function follow({ marks, words, behind, inside }, directory) {
  const jail = join(directory, 'jail');
  const log = join(directory, 'log');
  const fd = openSync(log, 'w');
  const line = [process.execPath, ...words(jail)];
  const [file, ...args] =
    inside === undefined ? line : ['unshare', '--mount', 'sh', '-ec', inside, 'sh', ...line];
  const { status, signal, error } = spawnSync(file, args, {
    stdio: ['ignore', 'ignore', 'inherit', fd],
    env: { PATH: process.env.PATH, UCHROOT_TOUR: JSON.stringify(marks) },
  });
  closeSync(fd);
  if (status !== 0) throw new Error(`tour: the run has failed: ${error ?? signal ?? status}`);
  const files = new Map();
  let last;
  const enter = (file, name) => {
    if (!files.has(file)) files.set(file, { file, names: new Set(), entries: 0 });
    const entry = files.get(file);
    if (file !== last) entry.entries++;
    last = file;
    if (name !== 'top' && name !== '') entry.names.add(name);
  };
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  for (const line of lines) {
    const [file, name] = line.split(' ');
    enter(file === 'native' ? fileOfCall(name) : file, name);
  }
  for (const [file, name] of behind) {
    checkSymbol(file, name);
    enter(file, name);
  }
  return [...files.values()].map(({ file, names, entries }) => ({ file, names: [...names], entries }));
}

const count = (files, room) => files.filter(({ file }) => file.startsWith(room)).length;

function summary(title, files) {
  const again = files.filter(({ entries }) => entries > 1).length;
  return `${title}: ${count(files, 'lib/')} files of lib, ${count(files, 'native/')} of native, ${again} of them entered again`;
}

// A list in CONTRIBUTING.md between two comments.
function writePage(found) {
  const page = join(top, 'CONTRIBUTING.md');
  const text = Object.entries(found).map(([name, files]) => {
    const lines = files.map(({ file }, i) => `${i + 1}. \`${file}\``);
    return `${summary(walks[name].title, files)}:\n\n${lines.join('\n')}\n`;
  });
  const [before, after] = readFileSync(page, 'utf8').split(
    /(?<=<!-- walks -->\n)[^]*(?=<!-- end of walks -->)/,
  );
  writeFileSync(page, `${before}\n${text.join('\n')}\n${after}`);
}

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('--'));
const options = words.filter((word) => word.startsWith('--'));
if (
  named.some((name) => !Object.hasOwn(walks, name)) ||
  options.some((word) => !['--json', '--page'].includes(word))
) {
  console.error(`usage: node scripts/tour.mjs [${Object.keys(walks).join('|')}]... [--json|--page]`);
  process.exit(1);
}
const directory = mkdtempSync(join(tmpdir(), 'uchroot-tour-'));
try {
  makeCopy();
  chmodSync(directory, 0o755);
  const { buildJail } = await import('../dist/lib/index.js');
  await buildJail({ directory: join(directory, 'jail'), programs: [program] });
  mkdirSync(join(directory, 'jail/mnt'), { recursive: true });
  mkdirSync(join(directory, mark));
  writeFileSync(join(directory, 'jail/hosts.allow'), `sshd: 192.0.2. : spawn ${mark}\n`);
  const found = {};
  for (const name of named.length > 0 ? named : Object.keys(walks))
    found[name] = follow(walks[name], directory);
  if (options.includes('--json')) console.log(JSON.stringify(found, undefined, 1));
  else if (options.includes('--page')) writePage(found);
  else
    for (const [name, files] of Object.entries(found)) {
      console.log(`${summary(walks[name].title, files)}\n`);
      for (const [i, { file, names, entries }] of files.entries())
        console.log(
          `${String(i + 1).padStart(3)}. ${file}${entries > 1 ? ` (${entries} times)` : ''}: ${names.join(', ')}`,
        );
      console.log();
    }
} finally {
  rmSync(directory, { recursive: true });
  rmSync(copy, { recursive: true, force: true });
}
