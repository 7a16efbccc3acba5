// The command uchroot-service: puts services of systemd into jails.
import { runProgram } from './dispatch.ts';
import { usualOptions } from './mistakes/foreign-options.ts';
import { serviceCommands } from './service-commands.ts';

const limits =
  'leave it out: systemctl edit UNIT sets such things, as MemoryMax=64M, and uchroot-service update UNIT takes them over';
const given =
  'leave it out: the place and the isolation of an adopted service are given, and --plan shows them';

const asBefore = 'an adopted service is one of systemd as before';

const ofSystemctl = Object.fromEntries(
  ['enable', 'disable', 'start', 'stop', 'restart', 'edit'].map((verb) => [
    verb,
    `write systemctl ${verb} UNIT: ${asBefore}`,
  ]),
);

void runProgram({
  name: 'uchroot-service',
  commands: serviceCommands,
  usageLine: `Usage: uchroot-service ${Object.keys(serviceCommands).join('|')} ...`,
  about: `Puts installed services of systemd into jails, by a drop-in beside their units. UNIT is the name of a service, such
as nginx or postgresql@17-main.`,
  foreign: {
    commands: {
      ...ofSystemctl,
      install: 'adopt',
      add: 'adopt',
      jail: 'adopt',
      create: 'adopt',
      wrap: 'adopt',
      enjail: 'adopt',
      chroot: 'adopt',
      remove: 'release',
      rm: 'release',
      delete: 'release',
      del: 'release',
      uninstall: 'release',
      purge: 'release',
      unjail: 'release',
      unadopt: 'release',
      restore: 'release',
      revert: 'release',
      undo: 'release',
      upgrade: 'update',
      rebuild: 'update',
      refresh: 'update',
      sync: 'update',
      list: 'status',
      ls: 'status',
      ps: 'status',
      info: 'status',
      show: 'status',
      check: 'write uchroot-service reload UNIT, which tests the configuration first, or adopt --plan UNIT',
      test: 'write uchroot-service reload UNIT, which tests the configuration first, or adopt --plan UNIT',
      plan: 'write uchroot-service adopt --plan UNIT',
      run: 'write uchroot --unit systemd USER DIRECTORY PROGRAM for a program of your own',
      logs: `write journalctl -u UNIT: ${asBefore}`,
      log: `write journalctl -u UNIT: ${asBefore}`,
    },
    options: {
      ...usualOptions,
      memory: limits,
      pids: limits,
      cpu: limits,
      setenv: limits,
      isolate: given,
      directory: given,
      jail: given,
      name: given,
      exec: 'program',
      copy: 'ro-bind',
      user: 'leave it out: the user is chosen by adopt',
      all: 'leave it out: status without UNIT shows all; release and reload take one UNIT',
      now: 'leave it out: a service that runs is restarted',
    },
  },
  // Aborts the work on a signal. Everything is then as before.
  async start(run) {
    const controller = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => controller.abort());
    return run(controller.signal);
  },
});
