// The time zone of the host.

import { readInJail } from './check.ts';
import type { Pack } from './pack.ts';

// Without a time zone it is UTC (tzset(3)), which the last line of a TZif file says in the words of TZ (RFC 9636).
const IS_UTC = /\nUTC0\n$/;

export const timezone: Pack = {
  name: 'timezone',
  summary: 'the time zone of the host, unless it is UTC',
  when: {
    imports: ['localtime', 'localtime_r', '__localtime64_r', 'tzset', 'mktime', '__mktime64'],
    texts: ['/etc/localtime'],
  },
  parts: (host) => {
    const zone = host.readText('/etc/localtime');
    if (host.trigger !== undefined && IS_UTC.test(zone ?? '\nUTC0\n')) return [];
    return [{ path: '/etc/localtime' }, { path: '/etc/timezone' }];
  },
  check: (jail) => {
    const zone = readInJail(jail, '/etc/localtime');
    if (zone === undefined) return 'there is no /etc/localtime: the time is shown in UTC';
    return zone.startsWith('TZif') ? undefined : '/etc/localtime is no time zone';
  },
};
