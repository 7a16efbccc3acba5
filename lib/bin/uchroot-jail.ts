// The command uchroot-jail: runs uchroot-jail-command.ts from its code cache, which saves a tenth of the time of a small plan.
import * as addon from '../native.ts';

// Not imported: require() takes as long as the module.
const { Script } = process.getBuiltinModule('node:vm');

type Load = (name: string) => object | undefined;
type Bundle = (require: Load, module: { exports: object }, directory: string, path: string) => object;

const directory = import.meta.dirname;
const path = `${directory}/uchroot-jail-command.cjs`;
// V8 accepts a code cache only with the flags that it was made with (scripts/bundle), and otherwise compiles the source.
const { source, cache } = addon.native.readCode(path, `${path}${process.execArgv.join('')}.cache`);
const script = new Script(source, { filename: path, ...(cache && { cachedData: cache }) });
(script.runInThisContext() as Bundle)(
  (name) => (name.endsWith('/native.ts') ? addon : process.getBuiltinModule(name)),
  { exports: {} },
  directory,
  path,
);
