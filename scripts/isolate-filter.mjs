#!/usr/bin/env node
// Prints lib/launch/seccomp/isolate-filter.ts, made by the compiler of filters. Run it after a change of default-policy.ts,
// call-numbers.ts or filter-tree.ts, and after npm run build:ts:
//   scripts/isolate-filter.mjs >lib/launch/seccomp/isolate-filter.ts.new && mv lib/launch/seccomp/isolate-filter.ts{.new,}
import { makeFilter } from '../dist/lib/launch/seccomp/filter.js';

const request = {
  isIsolated: true,
  isLog: false,
  profile: undefined,
  allow: [],
  allowNewPrivs: false,
  hasInit: true,
  caps: [],
  kernel: '0',
};

function linesOf(architecture, noSetId) {
  const { bytes } = makeFilter({ ...request, architecture, noSetId });
  return `  '${architecture}${noSetId ? ' --no-set-id' : ''}': \`\n${bytes.toString('base64').replace(/.{1,100}/g, '$&\n')}\`,\n`;
}

const { title, flags, isReadable, closesKeyrings } = makeFilter({ ...request, architecture: 'x64' });
const more = makeFilter({ ...request, architecture: 'x64', noSetId: true }).title.slice(title.length);

process.stdout
  .write(`// The default filter of isolated launches, ready to be installed. Compiling it takes 5 ms, and each launch by the command is a
// new process that would compile it. Printed by scripts/isolate-filter.mjs: do not edit the bytes. Pure.
import { UsageError } from '../../errors.ts';
import type { Filter } from './filter.ts';

// Arrays of struct sock_filter in base64, by process.arch.
const programs = {
${[false, true].map((noSetId) => linesOf('x64', noSetId) + linesOf('arm64', noSetId)).join('')}};

const made = new Map<string, Filter>();

/**
 * The result of makeFilter() for an isolated launch without a profile, without --allow and without a log: the same object each time.
 *
 * @throws UsageError for other architectures than x64 and arm64
 */
export function isolateFilter(architecture: string, noSetId = false): Filter {
  const name = \`\${architecture}\${noSetId ? ' --no-set-id' : ''}\`;
  const known = made.get(name);
  if (known !== undefined) return known;
  if (architecture !== 'x64' && architecture !== 'arm64')
    throw new UsageError(\`uchroot runs on x64 and arm64, not on \${architecture}\`);
  const filter = {
    bytes: Buffer.from(programs[name as keyof typeof programs], 'base64'),
    flags: ${flags},
    title: \`${title}\${noSetId ? '${more}' : ''}\`,
    isReadable: ${isReadable},
    closesKeyrings: ${closesKeyrings},
  };
  made.set(name, filter);
  return filter;
}
`);
