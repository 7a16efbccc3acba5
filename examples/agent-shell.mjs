// A shell for an agent: node agent-shell.mjs PROJECT, as root. It runs each line of standard input in the project, with no network, shows
// the output as it comes, and prints the result as JSON. The project stays as it is until `uchroot-jail commit PROJECT`.
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { buildJail, openJail, workspaceChanges } from 'uchroot';

const workspace = process.argv[2];
const directory = process.env.JAIL ?? '/srv/agent';
await buildJail({ directory, programs: ['bash', 'ls', 'cat', 'grep', 'sed', 'find', 'git', 'python3'] });
await mkdir(directory + workspace, { recursive: true }); // the project has its own path in the jail
const jail = await openJail(directory, { untrusted: true, workspace, timeoutMs: 60_000, reject: false });
for await (const command of createInterface({ input: process.stdin })) {
  const bash = { program: '/bin/bash', args: ['-c', command], all: true, stdoutTo: process.stderr };
  const { exitCode, limit, all } = await jail.run(bash);
  console.log(JSON.stringify({ command, exitCode, limit, output: all.slice(-10_000) }));
}
for (const { change, path } of await workspaceChanges({ directory: workspace })) console.log(change, path);
jail.close();
