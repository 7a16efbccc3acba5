// The command uchroot-jail: argv → call → exit status.
import { runProgram } from './dispatch.ts';
import { commands, packLines } from './jail-commands.ts';
import { openProgress } from './progress.ts';

const synopses = Object.values(commands).map(({ synopsis }) => synopsis);

const usage = () => `Usage: ${synopses.map((synopsis) => `uchroot-jail ${synopsis}`).join('\n       ')}

Builds a jail in DIRECTORY, or adds to one that is there: each PROGRAM (a path, or a name looked up in PATH) with its #!
interpreters, loader, shared libraries, the data of its Debian package, and the packs of which the signs are there.

  --package NAME          the files of an installed Debian package, and of what it depends on
  --pack NAME             a pack that no sign asks for
  --no-pack NAME          leave a pack out
  --without PATH          leave a path out, and what it alone needs
  --learn 'COMMAND'       run it on a scratch copy of the host, and take what it opens
  --copy PATH[:DEST]      a file or directory of the host, to DEST in the jail
  --user NAME             an account that the jail knows, and that tries it out
  --keep-privileges PATH  leave a program its set-user-ID and set-group-ID bits and file capabilities
  --from ROOT             take everything from the system in this directory
  --recipe FILE           what is to be made, as list --format json writes it
  --replace PATH          build, update, check --fix: make it as planned, even if it was changed in the jail
  --plan                  say what would change, and change nothing
  --fix                   check: put right what can be put right safely
  --fail-on SEVERITY      check: the least severity at which the exit status is not 0: error, warning or note
  --format FORMAT         build, update, list: text or json; check: sarif as well
  --ignore RULE[:PATH]    check: no findings of a rule, at all or there
  --explain RULE          check: what a rule looks for, and why; all for all of them
  --help                  show this text
  --version               show the version

Packs:
${packLines()}`;

void runProgram({
  name: 'uchroot-jail',
  commands,
  usageLine: `Usage: uchroot-jail ${Object.keys(commands).join('|')} DIRECTORY ...`,
  usage,
  // a progress line, and the end of the work by a signal
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
