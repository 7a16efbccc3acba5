// The states of adopted services for Prometheus, as a file of the textfile collector of its node exporter. Format:
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
import type { ServiceStatus } from '../adopted-status.ts';

interface Metric {
  readonly name: string;
  readonly help: string;
  /** Undefined: it is not known. */
  readonly of: (status: ServiceStatus) => number | undefined;
}

const metrics: readonly Metric[] = [
  {
    name: 'active',
    help: 'Whether systemd calls the service active.',
    of: ({ state }) => Number(state === 'active'),
  },
  {
    name: 'problems',
    help: 'What keeps the service from running in its jail, or from starting.',
    of: ({ problems, isDropInMissing, isOverridden }) =>
      problems.length + Number(isDropInMissing) + Number(isOverridden),
  },
  {
    name: 'changed_files',
    help: 'Files of the jail that differ from those of the host; uchroot-service update renews them.',
    of: ({ changes, outdated }) => (changes === undefined ? undefined : changes + outdated.length),
  },
  {
    name: 'outdated_packages',
    help: 'Packages of the jail that the host has in another version.',
    of: ({ packages }) => packages.length,
  },
  {
    name: 'kept_configuration',
    help: 'Whether the service runs with a kept configuration, because it does not come up with the one in /etc.',
    of: ({ keptConfiguration }) => Number(keptConfiguration !== undefined),
  },
  {
    name: 'failed_update',
    help: 'Whether the last update has failed, so that the service goes on with its old jail.',
    of: ({ failedUpdate }) => Number(failedUpdate !== undefined),
  },
  {
    name: 'exposure',
    help: 'The exposure by systemd-analyze security, from 0 to 10. Paths that the service can write do not count.',
    of: ({ exposure }) => exposure.after,
  },
];

const label = (value: string): string =>
  value.replace(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);

type Sample = readonly [unit: string, value: number];

const gauge = (name: string, help: string, samples: readonly Sample[]): string =>
  samples.length === 0
    ? ''
    : [
        `# HELP uchroot_service_${name} ${help}`,
        `# TYPE uchroot_service_${name} gauge`,
        ...samples.map(([unit, value]) => `uchroot_service_${name}{unit="${label(unit)}"} ${value}`),
        '',
      ].join('\n');

/** A gauge for each fact, with the services by the label `unit`; and `uchroot_service_unknown` for those without a status. */
export function statusMetrics(statuses: readonly ServiceStatus[], unknown: readonly string[]): string {
  const known = metrics.map(({ name, help, of }) => {
    const samples = statuses.map((status): Sample => [status.unit, of(status) ?? NaN]);
    return gauge(
      name,
      help,
      samples.filter(([, value]) => !Number.isNaN(value)),
    );
  });
  const failed = unknown.map((unit): Sample => [unit, 1]);
  return [...known, gauge('unknown', 'The state of this service could not be read.', failed)].join('');
}
