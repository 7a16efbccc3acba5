// The command uchroot-jail.
import { setFlagsFromString } from 'node:v8';

import { runProgram } from './dispatch.ts';
import { usualOptions } from './mistakes/foreign-options.ts';
import { foreignJailCommands, foreignJailOptions } from './mistakes/foreign-jail-words.ts';
import { commands, keyedOptions } from './jail/jail-commands.ts';
import { openProgress } from './progress-bar.ts';

// A build ends in a second or two. By default, Node 20's V8 spends a third of its CPU time on compiling functions that then run too rarely
// to gain by it. Later versions have a cheaper compiler, and lack this flag.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');

void runProgram({
  name: 'uchroot-jail',
  commands,
  keyed: keyedOptions,
  foreign: { commands: foreignJailCommands, options: { ...usualOptions, ...foreignJailOptions } },
  usageLine: `Usage: uchroot-jail ${Object.keys(commands).join('|')} DIRECTORY ...`,
  about: 'Builds jails for uchroot, and keeps them current.',
  // Shows a progress line, and aborts the work on a signal.
  async start(run) {
    const progress = openProgress();
    const controller = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => controller.abort());
    try {
      return await run({
        signal: controller.signal,
        onProgress: (now) => progress.show(now),
        onWarning: (warning) => {
          progress.clear();
          process.stderr.write(`uchroot-jail: warning: ${warning}\n`);
        },
      });
    } finally {
      progress.clear();
    }
  },
});
