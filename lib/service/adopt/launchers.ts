// The compiled launchers of an adoption: one for each line of the service that runs in the jail, and for each test of its configuration.
import { readdirSync, readFileSync, rmSync } from 'node:fs';

import { compileLaunch } from '../../launch/compile/compile.ts';
import { normalize, type LaunchRequest } from '../../launch/request/request.ts';
import { resolveAccount } from '../../launch/tell/dry-run.ts';
import { readVersion } from '../../version.ts';
import { type Adoption, directoryVariables, jailOf } from './adoption.ts';
import { makeTemporary } from './exposure.ts';
import { limitsOf, listOf, numberOf, textOf } from './installed/installed-service.ts';
import { refusedCalls } from './installed/launcher-calls.ts';
import { isMounted } from './tell/unmet-path.ts';

// Variables of systemd that mean the same in a jail (systemd.exec(5)).
const ofSystemd = ['PATH', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID', 'FDSTORE'];

// The launch of one line in the jail.
async function launchOf(adoption: Adoption, argv: readonly string[]): Promise<LaunchRequest> {
  const { service, identity, directory, variables } = adoption;
  const { settings } = service;
  const [argv0 = '', ...args] = argv;
  const own = adoption.own.find((one) => one.argv === argv);
  const program = own?.line.program ?? argv0;
  const more = listOf(settings, 'SupplementaryGroups');
  const identityKeys = {
    user: identity.user,
    ...(identity.group === undefined ? {} : { group: identity.group }),
  };
  const groups = more.length === 0 ? undefined : [...(await resolveAccount(identityKeys)).groups, ...more];
  const cwd = textOf(settings, 'WorkingDirectory');
  return {
    ...identityKeys,
    jail: jailOf(directory),
    program,
    args,
    ...(argv0 === program ? {} : { argv0 }),
    ...(groups === undefined ? {} : { groups }),
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

/**
 * Compiles a launcher for each line of the service that runs in the jail, and for each test of its configuration.
 *
 * @param place where they are written
 * @returns warnings
 */
export async function compileLaunchers(
  adoption: Adoption,
  place: string = adoption.directory,
): Promise<readonly string[]> {
  const { own, checks, service } = adoption;
  const warnings: string[] = [];
  const refused = refusedCalls(service.settings);
  const isCwdMounted = isMounted(adoption, textOf(service.settings, 'WorkingDirectory'));
  const launchers = [
    ...own.map(({ name, argv }) => ({ name, argv })),
    ...checks.map((argv, index) => ({ name: `check-${index + 1}`, argv })),
  ];
  for (const { name, argv } of launchers) {
    compileLaunch(normalize(await launchOf(adoption, argv)), {
      file: Buffer.from(`${place}/${name}`),
      architecture: undefined,
      anyInode: false,
      isService: true,
      ignoresPipe: service.settings.IgnoreSIGPIPE !== false,
      refused: refused.size === 0 ? undefined : refused,
      version: readVersion(),
      // what is mounted there is not in the jail yet
      warn: (warning) => {
        if (!('step' in warning && warning.step === 'chdir' && isCwdMounted)) warnings.push(warning.message);
      },
    });
  }
  return warnings;
}

/** Whether the launchers that are there are those of this adoption, to the byte. */
export async function areSame(adoption: Adoption): Promise<boolean> {
  const { directory, entry } = adoption;
  if (entry === 'systemd') return true;
  const place = makeTemporary();
  try {
    await compileLaunchers(adoption, place);
    return readdirSync(place).every((name) =>
      readFileSync(`${place}/${name}`).equals(readFileSync(`${directory}/${name}`)),
    );
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
