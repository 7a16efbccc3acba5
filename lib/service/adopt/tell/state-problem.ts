// What keeps an adopted service from running, now or after the next boot. Pure.
import { commandLine } from '../../../words/shell-word.ts';
import type { InstalledService } from '../installed/installed-service.ts';
import { goneRefusal } from './service-refusal.ts';

/** A state of the service that needs a remedy. */
export interface StateProblem {
  readonly message: string;
  /** A command, or what to do first. */
  readonly remedy: string;
}

type Stated = Pick<InstalledService, 'unit' | 'loadState' | 'fileState' | 'isWanted'>;

function loadProblem({ unit, loadState, fileState }: Stated): StateProblem | undefined {
  const gone = goneRefusal({ unit, loadState });
  if (gone !== undefined) return { message: gone.message, remedy: gone.hint ?? '' };
  if (loadState === 'masked') {
    const where = fileState === 'masked-runtime' ? ['--runtime'] : [];
    return {
      message: 'it is masked, and cannot be started',
      remedy: commandLine('systemctl', 'unmask', ...where, unit),
    };
  }
  if (loadState === 'loaded') return undefined;
  return {
    message: `systemd cannot use its unit (${loadState})`,
    remedy: commandLine('systemd-analyze', 'verify', unit),
  };
}

/** The problems of a service in this state, such as `failed` (systemctl(1), is-active). */
export function stateProblems(service: Stated, state: string): readonly StateProblem[] {
  const { unit, fileState, isWanted } = service;
  const load = loadProblem(service);
  if (load !== undefined) return [load];
  return [
    ...(state === 'failed'
      ? [
          {
            message: 'it has failed, and does not run',
            remedy: `${commandLine('journalctl', '-u', unit)}; then ${commandLine('systemctl', 'restart', unit)}`,
          },
        ]
      : []),
    ...(fileState === 'disabled' && !isWanted
      ? [
          {
            message: 'it is disabled, and does not start at boot',
            remedy: commandLine('systemctl', 'enable', unit),
          },
        ]
      : []),
  ];
}
