// What the host has for a service: its packages and their files, its environment, its accounts, and then what the builder has found.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';

import { expandPattern } from '../../binary/loader-conf.ts';
import { bytePath, pathBytes } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { findCommands, isShell } from '../../jail/dpkg/script-calls.ts';
import { readBuilt } from '../../jail/listing.ts';
import { resolveAccount } from '../../launch/tell/dry-run.ts';
import {
  type AdoptionOptions,
  type EnvironmentFile,
  type HostFacts,
  type JailFacts,
  ownLines,
  variablesOf,
} from './adoption.ts';
import { native } from '../../native.ts';
import { packagesWith, pathsOf } from './host-packages.ts';
import { chooseIdentity, type Identity } from './identity.ts';
import {
  conditionsOf,
  environmentFiles,
  type InstalledService,
  textOf,
} from './installed/installed-service.ts';
import { knownOf } from './installed/known-daemons.ts';
import { configurationOf } from './installed/service-configuration.ts';
import { accountsNamed, keysNamed, placesNamed, textsOf, type Words } from './installed/named-by-service.ts';
import { asksChroot, pathsIn } from './installed/named-places.ts';
import { ownData, type PackageData, isData } from './installed/service-paths.ts';
import { readEnvironmentFile } from './installed/unit-text.ts';
import { refuse } from './service-refusal.ts';
import { defaultSearch, type Unjailed } from './systemd-bus.ts';
import { coarsePaths, isSafe, safeData } from './tell/given-away.ts';

// The packages of the unit's file and of its program.
function packagesOf({ fragment, lines }: InstalledService): readonly string[] {
  const start = lines.find(({ kind }) => kind === 'ExecStart')?.program ?? '';
  const paths = [fragment, start].filter((path) => path !== '');
  const names = paths
    .flatMap((path) => [path, existsSync(path) ? realpathSync(path) : path])
    .map((path) => new Set(packagesWith(path)))
    .filter(({ size }) => size === 1)
    .flatMap((owners) => Array.from(owners));
  return [...new Set(names.concat(names.flatMap(partsOf)))];
}

// Packages with the configuration or data of another one, such as freeradius-config.
const partsOf = (name: string): readonly string[] =>
  ['common', 'conf', 'config', 'data']
    .map((part) => `${name}-${part}`)
    .filter((part) => existsSync(`/var/lib/dpkg/info/${part}.list`));

/** The files of EnvironmentFile= (systemd.exec(5)), in the order of systemd. `onMissing` gets each pattern without a file that must be there. */
export function environmentOf(
  { settings }: Pick<InstalledService, 'settings'>,
  onMissing: (pattern: string) => void,
): readonly EnvironmentFile[] {
  const root = openFileRoot('/');
  try {
    return environmentFiles(settings).flatMap(([pattern, isOptional]) => {
      const paths = expandPattern(root, bytePath(pattern), Infinity).map(pathBytes).filter(existsSync);
      if (paths.length === 0 && !isOptional) onMissing(pattern);
      return paths.map((path) => {
        const bytes = readFileSync(path);
        return {
          path: String(path),
          variables: readEnvironmentFile(bytes.toString()),
          sha256: createHash('sha256').update(bytes).digest('hex'),
        };
      });
    });
  } finally {
    root.close();
  }
}

// The programs that a line such as `sh -c 'exec web'` runs.
function commandsIn([shell = '', option = '', script = '']: readonly string[]): readonly string[] {
  if (!isShell(bytePath(shell)) || !/^-\w*c$/.test(option)) return [];
  const commands = [...findCommands(script)];
  return commands.flatMap((name) => defaultSearch.map((top) => `${top}/${name}`).find(existsSync) ?? []);
}

// The programs of all command lines: if systemd enters the jail, all of them run there.
function programsOf(service: InstalledService): readonly string[] {
  const { programs = [], check = [] } = knownOf(service);
  const run = service.lines.filter(({ flags }) => !flags.includes('privileged'));
  const lines = [...run.map(({ program }) => program), ...run.flatMap(({ argv }) => commandsIn(argv))];
  return [...new Set([...lines, ...programs, ...check.slice(0, 1)])].filter((path) => existsSync(path));
}

// A word of a command line that names a file in its WorkingDirectory=, as in `node server.js`.
function inDirectory({ settings }: InstalledService, word: string): readonly string[] {
  const directory = textOf(settings, 'WorkingDirectory').replace(/^!/, '');
  const isName = directory.startsWith('/') && /^[\w@+~-][\w@+~./-]*$/.test(word);
  const path = `${directory.replace(/\/+$/, '')}/${word}`;
  return isName && existsSync(path) ? [path] : [];
}

// What it names, and with that the accounts that the jail's databases need: the user, those that the configuration is known to name, those
// that its processes had or the caller names, those that are called like the daemon, and those that its packages and configuration name.
function namedBy(
  service: InstalledService,
  { user }: Identity,
  packages: readonly string[],
  packed: readonly string[],
  seen: readonly string[],
  words: Words,
) {
  const { accounts: known = [], served } = knownOf(service);
  const program = service.lines.find(({ kind }) => kind === 'ExecStart')?.program.replace(/^.*\//, '') ?? '';
  const own = service.settings.DynamicUser === true ? [] : [user, textOf(service.settings, 'User') || user];
  const names = [...new Set([service.unit.replace(/\.service$/, ''), program, ...packages])];
  const asked = [...own, ...known, ...seen, ...names];
  const texts = textsOf(service, packages, packed, words);
  const accounts = accountsNamed(texts, packed, asked);
  return {
    users: [...new Set([...own, ...accounts.map(({ name }) => name)])].filter((name) => name !== 'root'),
    configured: [...texts.configuration, ...texts.foreign].flatMap(pathsIn),
    asksChroot: texts.configuration.some(asksChroot),
    served: texts.configuration.flatMap((text) =>
      served === undefined ? [] : Array.from(text.matchAll(served), ([, path = '']) => path || '/'),
    ),
    keys: [...keysNamed(texts, user), ...texts.included],
    ...placesNamed(service, texts, accounts, accountsNamed({ ...texts, configuration: [] }, packed, asked), {
      asked,
      names,
      words: words.words,
      packed,
    }),
  };
}

/** Looks at the host, before there is a jail. @throws UsageError if something is missing; LaunchError for an unknown account */
export async function lookAtHost({ service, text }: Unjailed, options: AdoptionOptions): Promise<HostFacts> {
  const identity = chooseIdentity(service, options);
  const { user, group } = identity;
  const packages = packagesOf(service);
  const more = knownOf(service).packages?.(/@(.*)\.service$/.exec(service.unit)?.[1] ?? '') ?? [];
  const isDynamic = service.settings.DynamicUser === true;
  const packed = packages.flatMap(pathsOf);
  const environment = environmentOf(service, (pattern) =>
    refuse({
      message: `${service.unit} cannot start: ${pattern}, its EnvironmentFile=, is not there`,
      hint: `make the file; systemctl cat ${service.unit} shows the unit`,
    }),
  );
  const variables = variablesOf(service, environment);
  const onLines = service.lines.flatMap(({ argv }) => argv.slice(1));
  const words = {
    // the programs themselves are copied
    words: [
      ...onLines,
      ...onLines.flatMap((word) => inDirectory(service, word)),
      ...variables.values(),
      ...conditionsOf(service.settings),
    ],
    assignments: [...variables].map(([name, value]) => `${name}=${value}`),
  };
  const { users, mounts, scripts, ...found } = namedBy(
    service,
    identity,
    packages,
    packed,
    [...options.accounts, ...(options.seen?.accounts ?? [])],
    words,
  );
  return {
    packages,
    packed,
    owners: [...packages, ...more],
    environment,
    ...found,
    named: mounts.filter((one) => one.path.startsWith('/etc/') || isSafe(one)),
    account: isDynamic
      ? undefined
      : await resolveAccount({ user, ...(group === undefined ? {} : { group }) }),
    contents: {
      programs: [...programsOf(service), ...options.programs],
      packages: more,
      // a daemon may name its pid file by /var/run, as memcached does
      packs: ['run'],
      users,
      copies: scripts,
    },
    coarse: options.insecurePath ? [] : coarsePaths(service),
    unitText: text,
    isOnHost: existsSync,
  };
}

// As that of FreeRADIUS in Debian.
function passwordWarnings(account: HostFacts['account']): readonly string[] {
  const shadow = native.getgrnam('shadow')?.gid;
  return shadow !== undefined && account?.groups.includes(shadow) === true
    ? [
        'it may read the passwords of the host (group shadow), and its jail does not have them: it can log in only accounts of its own',
      ]
    : [];
}

// A link such as /etc/mtab, which a program names, leads to /proc.
const isHarmless = (path: string): boolean => isSafe({ path, isReadOnly: true });

const codeMakers = /\/(libLLVM|libluajit|libjvm|libv8|libmozjs|libmono|libgccjit|node$|ruby|beam\.smp)/;

/** Looks at a jail that was built for these facts. @returns also warnings of data that the service does not get */
export function lookAtJail(
  jail: string,
  service: InstalledService,
  { account, packages, packed, owners, environment, keys }: HostFacts,
): { readonly facts: JailFacts; readonly warnings: readonly string[] } {
  const variables = variablesOf(service, environment);
  const { data, ...built } = readBuilt(bytePath(jail), (_, { entries }) => ({
    compilesCode: entries.some(({ path }) => codeMakers.test(path)),
    usesSyslog: entries.some(({ path }) => path === '/dev/log'),
    data: entries
      .filter(({ kind, reason }) => kind === 'directory' && reason.how === 'state')
      .map(({ path, reason }): PackageData => ({
        path: pathBytes(path).toString(),
        package: reason.as ?? '',
      }))
      .filter(({ path }) => isData(path)),
  }));
  const safe = safeData(ownData(data, owners, packed));
  const own = ownLines(service, variables);
  const found = configurationOf({ service, own, variables }, packages, packed, jail);
  const configuration = {
    own: [...new Set([...found.own, ...keys])].filter(isHarmless),
    ofHost: found.ofHost.filter(isHarmless),
  };
  return {
    facts: { ...built, data: safe.paths, configuration },
    warnings: [...safe.warnings, ...passwordWarnings(account)],
  };
}
