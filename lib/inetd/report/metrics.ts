// Numbers of the super-server, and their text in OpenMetrics 1.0. Ten lines of text need no client library and its two packages.
import type { EndedConnection } from './connection-entry.ts';

/** Upper bounds of the durations that are counted, in seconds. */
const BOUNDS = [0.001, 0.01, 0.1, 1, 10, 100, 1000];

interface Numbers {
  readonly ended: Map<string, number>;
  readonly durations: number[];
  programs: number;
  durationSum: number;
  cpuSum: number;
}

function label(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** A service as it is now. */
export interface ServiceGauge {
  readonly name: string;
  readonly live: number;
  readonly failures: number;
}

export class Metrics {
  readonly #startedSeconds = Date.now() / 1000;
  readonly #services = new Map<string, Numbers>();

  count({ service, reason, durationMs, usage, pid }: EndedConnection): void {
    let numbers = this.#services.get(service);
    if (numbers === undefined) {
      numbers = { ended: new Map(), durations: BOUNDS.map(() => 0), programs: 0, durationSum: 0, cpuSum: 0 };
      this.#services.set(service, numbers);
    }
    numbers.ended.set(reason, (numbers.ended.get(reason) ?? 0) + 1);
    if (pid === undefined) return;
    const seconds = durationMs / 1000;
    numbers.programs++;
    numbers.durationSum += seconds;
    numbers.cpuSum += usage === undefined ? 0 : (usage.userCpuMs + usage.systemCpuMs) / 1000;
    const bound = BOUNDS.findIndex((bound) => seconds <= bound);
    if (bound >= 0) numbers.durations[bound] = (numbers.durations[bound] ?? 0) + 1;
  }

  /** The text, which ends in `# EOF`. */
  text(gauges: readonly ServiceGauge[]): string {
    const lines: string[] = [];
    const family = (name: string, type: string, help: string, unit?: string): void => {
      lines.push(
        `# TYPE ${name} ${type}`,
        ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
        `# HELP ${name} ${help}`,
      );
    };
    family('uchroot_inetd_start_time_seconds', 'gauge', 'When it started.', 'seconds');
    lines.push(`uchroot_inetd_start_time_seconds ${this.#startedSeconds}`);
    family('uchroot_inetd_connections', 'gauge', 'Live connections.');
    for (const { name, live } of gauges)
      lines.push(`uchroot_inetd_connections{service="${label(name)}"} ${live}`);
    family('uchroot_inetd_failures', 'gauge', 'Launches in a row that have failed for one cause.');
    for (const { name, failures } of gauges)
      lines.push(`uchroot_inetd_failures{service="${label(name)}"} ${failures}`);
    family('uchroot_inetd_ended', 'counter', 'Connections that are over, by the reason of their end.');
    for (const [service, { ended }] of this.#services)
      for (const [reason, count] of ended)
        lines.push(`uchroot_inetd_ended_total{service="${label(service)}",reason="${reason}"} ${count}`);
    family('uchroot_inetd_cpu_seconds', 'counter', 'CPU time of the programs.', 'seconds');
    for (const [service, { cpuSum }] of this.#services)
      lines.push(`uchroot_inetd_cpu_seconds_total{service="${label(service)}"} ${cpuSum.toFixed(6)}`);
    family(
      'uchroot_inetd_duration_seconds',
      'histogram',
      'Durations of connections with a program.',
      'seconds',
    );
    for (const [service, numbers] of this.#services) lines.push(...this.#histogram(service, numbers));
    return `${lines.join('\n')}\n# EOF\n`;
  }

  #histogram(service: string, { durations, durationSum, programs }: Numbers): readonly string[] {
    const name = 'uchroot_inetd_duration_seconds';
    const own = `service="${label(service)}"`;
    let sum = 0;
    const buckets = durations.map((count, i) => `${name}_bucket{${own},le="${BOUNDS[i]}"} ${(sum += count)}`);
    return [
      ...buckets,
      `${name}_bucket{${own},le="+Inf"} ${programs}`,
      `${name}_count{${own}} ${programs}`,
      `${name}_sum{${own}} ${durationSum.toFixed(6)}`,
    ];
  }
}
