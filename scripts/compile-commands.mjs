// Prints the compile commands of the native code, as clang-tidy reads them (compile_commands.json). scripts/build-native leaves the
// commands in build/Release/.deps. A source that is built for several targets has the command of one of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const build = resolve(import.meta.dirname, '../build');
const places = join(build, 'Release/.deps');
const commands = new Map();
for (const name of readdirSync(places, { recursive: true })) {
  if (!name.endsWith('.o.d')) continue;
  const command = /^cmd_\S+ := (.*)$/m.exec(readFileSync(join(places, name), 'utf8'))?.[1] ?? '';
  const file = / (\.\.\/native\/\S+\.cc) /.exec(command)?.[1];
  // a source that has been moved leaves its command
  if (file === undefined || !existsSync(resolve(build, file))) continue;
  // a flag of g++ alone, a header compiled by it, and a macro of node-gyp that is no expression
  const known = command.replace(
    / -fno-tree-loop-distribute-patterns| -include \S+| '-DNODE_GYP_MODULE_NAME=[^']*'/g,
    '',
  );
  commands.set(file, { directory: build, file: resolve(build, file), command: known });
}
console.log(JSON.stringify([...commands.values()], undefined, 1));
