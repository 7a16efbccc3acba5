import t from 'tap';

import { managerAbsence } from '../../../../lib/service/adopt/tell/manager-absence.ts';

const there = { isBooted: true, first: 'systemd', hasBus: true };

t.test('a host without systemd or its bus is told what it lacks, and what to do', async (t) => {
  t.equal(managerAbsence(there), undefined);
  t.match(managerAbsence({ isBooted: false, first: 'sleep', hasBus: false }), {
    message: 'systemd is not the init system here: process 1 is sleep',
    hint: /uchroot USER DIRECTORY PROGRAM; .*uchroot --unit openrc/,
  });
  t.match(managerAbsence({ isBooted: false, first: '', hasBus: true }), {
    message: /^systemd is not the init system here$/,
  });
  t.match(managerAbsence({ ...there, hasBus: false }), {
    message: /^the system bus does not run/,
    hint: 'apt-get install dbus, then systemctl start dbus.socket',
  });
});
