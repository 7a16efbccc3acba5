// The command uchroot-service: puts services of systemd into jails.
import { runProgram } from './dispatch.ts';
import { foreignServiceCommands, foreignServiceOptions } from './mistakes/foreign-service-words.ts';
import { keyedOptions } from '../service/adopt/adopt-options.ts';
import { interruptBus } from '../service/adopt/system-bus.ts';
import { serviceCommands } from './service-commands.ts';

void runProgram({
  name: 'uchroot-service',
  commands: serviceCommands,
  usageLine: `Usage: uchroot-service ${Object.keys(serviceCommands).join('|')} ...`,
  about: `Puts installed services of systemd into jails, by a drop-in beside their units. UNIT is the name of a service, such
as nginx or postgresql@17-main.`,
  keyed: keyedOptions,
  foreign: { commands: foreignServiceCommands, options: foreignServiceOptions },
  // Aborts the work on a signal. Everything is then as before.
  async start(run) {
    const controller = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        controller.abort();
        interruptBus();
      });
    return run(controller.signal);
  },
});
