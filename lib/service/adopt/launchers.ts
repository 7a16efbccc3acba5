// The compiled launchers of an adoption: one for each line of the service that runs in the jail, and for each test of its configuration.
// Pure.
import type { LaunchRequest } from '../../launch/request/request.ts';
import { type Adoption, jailOf } from './adoption.ts';
import { directoryVariables, limitsOf, listOf, numberOf, textOf } from './installed/installed-service.ts';
import { refusedCalls } from './installed/launcher-calls.ts';
import { isMounted } from './installed/unit-mounts.ts';

/** A launch that becomes a file. */
export interface Launcher {
  readonly op: 'compile';
  readonly file: string;
  readonly request: LaunchRequest;
  /** Calls that its filter refuses, with the answers (SECCOMP_RET_*). */
  readonly refused: readonly (readonly [call: string, answer: number])[];
  readonly ignoresPipe: boolean;
  /** What is mounted at the working directory is not in the jail yet. */
  readonly isCwdMounted: boolean;
}

// Variables of systemd that mean the same in a jail (systemd.exec(5)).
const ofSystemd = ['PATH', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID', 'FDSTORE'];

// The launch of one command line in the jail.
function launchOf(
  adoption: Adoption,
  program: string,
  [argv0 = '', ...args]: readonly string[],
): LaunchRequest {
  const { service, identity, account, directory, variables } = adoption;
  const { settings } = service;
  const more = listOf(settings, 'SupplementaryGroups');
  const cwd = textOf(settings, 'WorkingDirectory');
  return {
    user: identity.user,
    ...(identity.group === undefined ? {} : { group: identity.group }),
    ...(more.length === 0 ? {} : { groups: [...(account?.groups ?? []), ...more] }),
    jail: jailOf(directory),
    program,
    args,
    ...(argv0 === program ? {} : { argv0 }),
    ...(identity.user === 'root' ? { allowRoot: true } : {}),
    ...(cwd.startsWith('/') ? { cwd } : {}),
    caps: identity.caps,
    umask: numberOf(settings, 'UMask'),
    rlimits: limitsOf(settings),
    seccomp: 'default',
    // the shell of the account is for people, and rarely in the jail
    env: { SHELL: '/bin/sh', ...directoryVariables(service) },
    passEnv: [...variables.keys(), ...listOf(settings, 'PassEnvironment'), ...ofSystemd],
  };
}

/** The launchers; none if systemd enters the jail. */
export function launchersOf(adoption: Adoption): readonly Launcher[] {
  const { own, checks, directory, entry, paths } = adoption;
  const { settings } = adoption.service;
  if (entry === 'systemd') return [];
  const refused = [...refusedCalls(settings)];
  const isCwdMounted = isMounted(settings, paths, textOf(settings, 'WorkingDirectory'));
  const programOf = (argv: readonly string[]): string =>
    own.find((one) => one.argv === argv)?.line.program ?? argv[0] ?? '';
  return [
    ...own.map(({ name, argv }) => ({ name, argv })),
    ...checks.map((argv, index) => ({ name: `check-${index + 1}`, argv })),
  ].map(({ name, argv }) => ({
    op: 'compile',
    file: `${directory}/${name}`,
    request: launchOf(adoption, programOf(argv), argv),
    refused,
    ignoresPipe: settings.IgnoreSIGPIPE !== false,
    isCwdMounted,
  }));
}
