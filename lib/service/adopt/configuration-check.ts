// The tests of a configuration, as units that run them in the surroundings of the service: systemd.service(5). Pure.
import type { Adoption } from './adoption.ts';
import { filterOf, listOf, numberOf, type Settings, textOf } from './installed/installed-service.ts';
import { isErrno } from './installed/launcher-calls.ts';
import { unitMounts } from './installed/unit-mounts.ts';
import { environmentLines, execWord, isSetByUnit, requirements, surroundings } from './service-drop-in.ts';

/** A test of the configuration, as a unit that runs it in the surroundings of the service. */
export interface ConfigurationCheck {
  readonly op: 'test';
  /** What it runs, for messages. */
  readonly words: string;
  readonly text: string;
}

// The command of a test: a launcher, or the words themselves where systemd enters the jail.
function checkCommand(adoption: Adoption, words: readonly string[], index: number): string {
  const { entry, directory } = adoption;
  if (entry === 'systemd') return `:${words.map(execWord).join(' ')}`;
  return `${isSetByUnit(adoption) ? '!' : ''}${directory}/check-${index + 1}`;
}

// How long a test may last: as long as the start of the service, or 90 seconds if that has no limit.
function checkLimit(settings: Settings): string {
  const limitUs = numberOf(settings, 'TimeoutStartUSec');
  return `TimeoutStartSec=${limitUs > 0 && limitUs <= Number.MAX_SAFE_INTEGER ? limitUs : 90e6}us`;
}

/** A unit for each test of the configuration. It runs in the surroundings of the service. */
export function configurationChecks(adoption: Adoption): readonly ConfigurationCheck[] {
  const { settings, unit } = adoption.service;
  // systemd makes and removes directories with the service, which need not run now
  const paths = adoption.paths.map((path) => ({ ...path, isOptional: true }));
  const calls = filterOf(settings, 'SystemCallFilter');
  const errorNumber = numberOf(settings, 'SystemCallErrorNumber');
  const given = (name: 'User' | 'Group'): readonly string[] =>
    textOf(settings, name) === '' ? [] : [`${name}=${textOf(settings, name)}`];
  const common = [
    'Type=oneshot',
    checkLimit(settings),
    'TimeoutStopSec=5',
    ...(settings.DynamicUser === true ? ['DynamicUser=yes'] : []),
    ...given('User'),
    ...given('Group'),
    ...listOf(settings, 'Environment').map((text) => `Environment=${execWord(text)}`),
    ...environmentLines(adoption),
    // The surroundings add calls to this list. Without this line, they alone would be allowed.
    ...(calls.names.length === 0
      ? []
      : [
          `SystemCallFilter=${calls.isAllowed ? '' : '~'}${calls.names.join(' ')}`,
          ...(isErrno(errorNumber) ? [`SystemCallErrorNumber=${errorNumber}`] : []),
        ]),
    // the mounts for the jail of a launcher belong to the surroundings
    ...(adoption.entry === 'systemd' ? unitMounts(settings, '') : []),
    ...surroundings({ ...adoption, paths }),
  ];
  return adoption.checks.map((words, index) => ({
    op: 'test',
    words: words.join(' '),
    text: `[Unit]
${[`Description=test of the configuration of ${unit}`, ...requirements(adoption)].join('\n')}

[Service]
${[...common, `ExecStart=${checkCommand(adoption, words, index)}`].join('\n')}
`,
  }));
}
