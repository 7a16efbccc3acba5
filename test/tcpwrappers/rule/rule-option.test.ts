import t from 'tap';

import { FACILITIES, LEVELS, parseSeverity } from '../../../lib/tcpwrappers/rule/rule-option.ts';

t.test('facilities and levels have the numbers of syslog', async (t) => {
  // sys/syslog.h, without the shift of the facilities
  t.match(FACILITIES, { lpr: 6, news: 7, cron: 9, local0: 16, local7: 23 });
  t.match(LEVELS, { emerg: 0, alert: 1, debug: 7 });
});

t.test('a severity is a level, or a facility and a level', async (t) => {
  t.same(parseSeverity('Info'), { level: 'info' });
  t.same(parseSeverity('Mail.ERR'), { facility: 'mail', level: 'err' });
  t.same(parseSeverity('mall.err'), { bad: 'mall' });
  t.same(parseSeverity('mail.error7'), { bad: 'error7' });
  t.same(parseSeverity('.err'), { bad: '' });
});
