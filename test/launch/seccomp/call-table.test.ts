import { readFileSync } from 'node:fs';

import t from 'tap';

import { callNumbers } from '../../../lib/launch/seccomp/call-table.ts';
import { packageDirectory } from '../../support/launch.ts';
import { unlessThere } from '../../support/root.ts';

const { readHeaders, readTables } = (await import(`${packageDirectory}/scripts/call-numbers.mjs`)) as {
  readHeaders: (table: string, root?: string) => ReadonlyMap<string, number> | undefined;
  readTables: (source: string) => Readonly<Record<string, ReadonlyMap<string, number>>>;
};

const tables = ['x64', 'i386', 'arm64', 'arm'] as const;
const places: Readonly<Record<string, string>> = {
  arm: `${packageDirectory}/build/test/linux-libc-dev-armhf-cross`,
};
const headers: Readonly<Record<(typeof tables)[number], string>> = {
  x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
  i386: '/usr/include/x86_64-linux-gnu/asm/unistd_32.h',
  arm64: '/usr/aarch64-linux-gnu/include/asm/unistd_64.h',
  arm: `${places.arm}/usr/arm-linux-gnueabihf/include/asm/unistd.h`,
};

for (const table of tables) {
  t.test(
    `${table}: the numbers of the calls are the kernel's`,
    { skip: unlessThere(headers[table]) },
    async (t) => {
      const installed = readHeaders(table, places[table]);
      const ours = callNumbers(table);
      t.ok(installed !== undefined && installed.size > 300);
      const numbers = new Set(installed?.values());
      // The headers can be older, or newer by calls that the table does not have yet.
      const newest = Math.max(...[...ours.values()].filter((number) => number < 0xf0000));
      for (const [call, number] of installed ?? [])
        if (ours.get(call) !== number && !(number > newest && number < 0xf0000))
          t.fail(`${call} is ${number}, not ${ours.get(call)}`);
      for (const [call, number] of ours)
        if (installed?.get(call) !== number && numbers.has(number))
          t.fail(`${call} has the number of another call, ${number}`);
    },
  );
}

t.test('the file is as the script prints it', async (t) => {
  const read = readTables(readFileSync(`${packageDirectory}/lib/launch/seccomp/call-numbers.ts`, 'utf8'));
  for (const table of tables) t.same([...(read[table] ?? [])], [...callNumbers(table)]);
});
