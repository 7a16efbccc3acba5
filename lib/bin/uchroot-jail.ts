// The command uchroot-jail: argv → call → exit status.
import { runProgram } from './dispatch.ts';
import { commands, packLines } from './jail-commands.ts';
import { openProgress } from './progress-bar.ts';

void runProgram({
  name: 'uchroot-jail',
  commands,
  usageLine: `Usage: uchroot-jail ${Object.keys(commands).join('|')} DIRECTORY ...`,
  about: `Builds jails and keeps them current. A PROGRAM is a path, or a name looked up in PATH; it comes with its #! interpreters, loader,
shared libraries, the data of its Debian package, and the packs of which the signs are there.`,
  ending: () => `\nPacks:\n${packLines()}`,
  // shows a progress line, and ends the work when a signal comes
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
