// Writes V8's code cache of a bundled command beside it: node [FLAG] scripts/code-cache.mjs dist/bin/uchroot-command.cjs
// The command launches once with an addon that only pretends, for uchroot-isolation.cjs with --isolate, and uchroot-jail plans the jail
// of a shell. So the cache has only the functions that are needed for that. The cache is for this executable of node and its flags,
// which are part of its name: others compile the source. The hash of the script is at its end (native/addon/code.cc).
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Script } from 'node:vm';

import { xxh64 } from '../dist/lib/launch/compile/xxh64.js';
import * as addon from '../dist/lib/native.js';
import pretendRoot from './pretended-root.cjs';

const path = resolve(process.argv[2]);
const done = Symbol('done');
function stop() {
  throw done;
}
const native = pretendRoot(addon.native, stop);

const isJail = path.endsWith('/uchroot-bundle.cjs');
const isIsolation = path.endsWith('/uchroot-isolation.cjs');
const command = isJail
  ? ['build', '/nonexistent/jail', '/bin/sh', '--plan']
  : [...(isIsolation ? ['--isolate'] : []), 'sam', '/jail', '/bin/true', 'argument'];
process.argv = [process.execPath, path, ...command];
const read = (file) => new Script(readFileSync(file, 'latin1'), { filename: file });
const script = read(path);
// V8 takes the cache only with the flags that it is made with, and uchroot-jail changes one after its start.
const fixedFlags = { ...process.getBuiltinModule('node:v8'), setFlagsFromString: () => {} };
const load = (name) => {
  if (name === 'node:v8') return fixedFlags;
  if (name.startsWith('node:')) return process.getBuiltinModule(name);
  if (isJail) return addon;
  return isIsolation && name.endsWith('/isolation.ts') ? run(script) : { native, openLauncher: () => 0 };
};
const run = (bundle) => bundle.runInThisContext()(load, { exports: {} }, dirname(path), path);

function write() {
  const hash = Buffer.alloc(8);
  const { mtimeNs, size } = statSync('/proc/self/exe', { bigint: true });
  hash.writeBigUInt64LE(xxh64(readFileSync(path), BigInt.asUintN(64, mtimeNs + size)));
  writeFileSync(
    `${path}${process.execArgv.join('')}.cache`,
    Buffer.concat([script.createCachedData(), hash]),
  );
}

if (isJail) {
  process.stdout.write = () => true;
  process.on('exit', write);
  run(script).jail();
} else {
  try {
    run(isIsolation ? read(`${dirname(path)}/uchroot-command.cjs`) : script);
    throw new Error('code-cache: the launch was not carried out');
  } catch (error) {
    if (error !== done) throw error;
  }
  write();
}
