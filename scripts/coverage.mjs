// scripts/coverage: runs a test file, and merges what its processes say about the code that they ran into one file.
//   node scripts/coverage.mjs DIRECTORY FILE
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { mergeProcessCovs } from '@bcoe/v8-coverage';

const [directory = '', file = ''] = process.argv.slice(2);
const own = resolve(directory, file.replaceAll('/', '_'));
mkdirSync(own, { recursive: true });
// Commands of ordinary users write there too.
chmodSync(own, 0o1777);
const env = { ...process.env, NODE_V8_COVERAGE: own };
const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'run-tests.mjs'), file], {
  env,
  stdio: 'inherit',
});

const lib = pathToFileURL(resolve('dist/lib')).href;
const batches = [];
for (const name of readdirSync(own)) {
  let told;
  try {
    told = JSON.parse(readFileSync(join(own, name), 'utf8'));
  } catch {
    continue; // of a process that was killed while it wrote
  }
  batches.push({ result: told.result.filter(({ url }) => url.startsWith(`${lib}/`)) });
}
writeFileSync(`${own}.json`, JSON.stringify(mergeProcessCovs(batches)));
rmSync(own, { recursive: true });
process.exitCode = status ?? 1;
