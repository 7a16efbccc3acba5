// Words of other programs that have one counterpart here, for the hint of an unknown option or command of uchroot-service.
import { pairs, type Foreign } from '../../words/nearest.ts';
import { usualOptions } from './foreign-options.ts';

const asBefore = 'an adopted service is one of systemd as before';

export const foreignServiceCommands: Foreign = {
  ...Object.fromEntries(
    ['enable', 'disable', 'start', 'stop', 'restart', 'edit'].map((verb) => [
      verb,
      `write systemctl ${verb} UNIT: ${asBefore}`,
    ]),
  ),
  logs: `write journalctl -u UNIT: ${asBefore}`,
  check: 'uchroot-service reload UNIT tests the configuration first',
  test: 'uchroot-service reload UNIT tests the configuration first',
  plan: 'uchroot-service adopt --plan UNIT',
  ...pairs(`install:adopt add:adopt jail:adopt create:adopt wrap:adopt enjail:adopt chroot:adopt remove:release rm:release
    delete:release del:release uninstall:release purge:release unjail:release unadopt:release restore:release revert:release
    undo:release watch:follow auto:follow upgrade:update rebuild:update refresh:update sync:update list:status ls:status ps:status info:status show:status`),
};

export const foreignServiceOptions: Foreign = { ...usualOptions, ...pairs('exec:program copy:ro-bind') };
