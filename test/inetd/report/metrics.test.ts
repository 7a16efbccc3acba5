import t from 'tap';

import type { EndedConnection } from '../../../lib/inetd/report/connection-entry.ts';
import { Metrics } from '../../../lib/inetd/report/metrics.ts';
import { noUsage } from '../../support/usage.ts';

const refused: EndedConnection = {
  id: 7,
  service: 'echo',
  peer: {},
  sinceMs: 0,
  pid: undefined,
  rule: undefined,
  reason: 'denied',
  exitCode: null,
  signal: null,
  durationMs: 5,
  waitMs: undefined,
  usage: undefined,
  message: undefined,
};
const usage = { ...noUsage, userCpuMs: 1500, systemCpuMs: 250 };

t.test('the text has each number of each service, in OpenMetrics', async (t) => {
  const metrics = new Metrics();
  for (const entry of [refused, refused]) metrics.count(entry);
  for (const durationMs of [1, 1, 10, 2000, 1e6, 1e6 + 1])
    metrics.count({ ...refused, reason: 'exit', pid: 5, durationMs, usage });
  metrics.count({ ...refused, service: 'a"b\\c\nd', reason: 'failed', pid: 5, durationMs: 0 });
  const lines = metrics
    .text([
      { name: 'echo', live: 2, failures: 0 },
      { name: 'a"b', live: 0, failures: 3 },
    ])
    .split('\n');
  const [, started = ''] = /^uchroot_inetd_start_time_seconds (.*)$/.exec(lines[3] ?? '') ?? [];
  t.ok(Math.abs(Number(started) * 1000 - Date.now()) < 60_000, started);
  const other = String.raw`a\"b\\c\nd`;
  const bucket = (service: string, bound: string, count: number) =>
    `uchroot_inetd_duration_seconds_bucket{service="${service}",le="${bound}"} ${count}`;
  t.same(lines.slice(4), [
    '# TYPE uchroot_inetd_connections gauge',
    '# HELP uchroot_inetd_connections Live connections.',
    'uchroot_inetd_connections{service="echo"} 2',
    String.raw`uchroot_inetd_connections{service="a\"b"} 0`,
    '# TYPE uchroot_inetd_failures gauge',
    '# HELP uchroot_inetd_failures Launches in a row that have failed for one cause.',
    'uchroot_inetd_failures{service="echo"} 0',
    String.raw`uchroot_inetd_failures{service="a\"b"} 3`,
    '# TYPE uchroot_inetd_ended counter',
    '# HELP uchroot_inetd_ended Connections that are over, by the reason of their end.',
    'uchroot_inetd_ended_total{service="echo",reason="denied"} 2',
    'uchroot_inetd_ended_total{service="echo",reason="exit"} 6',
    `uchroot_inetd_ended_total{service="${other}",reason="failed"} 1`,
    '# TYPE uchroot_inetd_cpu_seconds counter',
    '# UNIT uchroot_inetd_cpu_seconds seconds',
    '# HELP uchroot_inetd_cpu_seconds CPU time of the programs.',
    'uchroot_inetd_cpu_seconds_total{service="echo"} 10.500000',
    `uchroot_inetd_cpu_seconds_total{service="${other}"} 0.000000`,
    '# TYPE uchroot_inetd_duration_seconds histogram',
    '# UNIT uchroot_inetd_duration_seconds seconds',
    '# HELP uchroot_inetd_duration_seconds Durations of connections with a program.',
    bucket('echo', '0.001', 2),
    bucket('echo', '0.01', 3),
    bucket('echo', '0.1', 3),
    bucket('echo', '1', 3),
    bucket('echo', '10', 4),
    bucket('echo', '100', 4),
    bucket('echo', '1000', 5),
    bucket('echo', '+Inf', 6),
    'uchroot_inetd_duration_seconds_count{service="echo"} 6',
    'uchroot_inetd_duration_seconds_sum{service="echo"} 2002.013000',
    bucket(other, '0.001', 1),
    bucket(other, '0.01', 1),
    bucket(other, '0.1', 1),
    bucket(other, '1', 1),
    bucket(other, '10', 1),
    bucket(other, '100', 1),
    bucket(other, '1000', 1),
    bucket(other, '+Inf', 1),
    `uchroot_inetd_duration_seconds_count{service="${other}"} 1`,
    `uchroot_inetd_duration_seconds_sum{service="${other}"} 0.000000`,
    '# EOF',
    '',
  ]);
});
