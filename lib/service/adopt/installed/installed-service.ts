// An installed service as systemd has read it: its settings from the bus (org.freedesktop.systemd1(5)), with specifiers
// replaced and drop-ins applied. Pure.

import { words } from '../../../words/word-list.ts';

export const execKinds = [
  'ExecCondition',
  'ExecStartPre',
  'ExecStart',
  'ExecStartPost',
  'ExecReload',
  'ExecStop',
  'ExecStopPost',
] as const;

export type ExecKind = (typeof execKinds)[number];

/** One command line. Variables are not replaced in it yet. */
export interface ExecLine {
  readonly kind: ExecKind;
  readonly program: string;
  readonly argv: readonly string[];
  /** `ignore-failure`, `privileged`, `no-setuid`, `no-env-expand`. */
  readonly flags: readonly string[];
}

/** Settings by their names on the bus. */
export type Settings = Readonly<Record<string, unknown>>;

export interface InstalledService {
  /** Its full name, such as `nginx.service`. An alias is replaced. */
  readonly unit: string;
  /** The file of the unit. */
  readonly fragment: string;
  readonly isActive: boolean;
  /** The unit has a reload. */
  readonly canReload: boolean;
  /** `loaded`, `not-found`, `masked`… */
  readonly loadState: string;
  /** `enabled`, `disabled`, `static`, `masked-runtime`… (systemctl(1), is-enabled) */
  readonly fileState: string;
  /** Another unit starts it: a target, a socket, a timer. */
  readonly isWanted: boolean;
  readonly isTransient: boolean;
  readonly lines: readonly ExecLine[];
  readonly settings: Settings;
  /** The variables that the service manager gives to each service, `NAME=VALUE`: DefaultEnvironment= and the like. */
  readonly inherited: readonly string[];
}

/** A service from its settings. @param inherited variables of the service manager */
export function toInstalled(settings: Settings, inherited: readonly string[] = []): InstalledService {
  return {
    unit: textOf(settings, 'Id'),
    fragment: textOf(settings, 'FragmentPath'),
    isActive: ['active', 'activating', 'reloading'].includes(textOf(settings, 'ActiveState')),
    canReload: settings.CanReload === true,
    loadState: textOf(settings, 'LoadState'),
    fileState: textOf(settings, 'UnitFileState'),
    isWanted: ['TriggeredBy', 'WantedBy', 'RequiredBy', 'UpheldBy'].some((name) => isListed(settings, name)),
    isTransient: settings.Transient === true,
    lines: execKinds.flatMap((kind) => toLines(kind, settings[`${kind}Ex`])),
    settings,
    inherited,
  };
}

type BusLine = readonly [program: string, argv: readonly string[], flags: readonly string[]];

function toLines(kind: ExecKind, value: unknown): readonly ExecLine[] {
  return ((value ?? []) as readonly BusLine[]).map(([program, argv, flags]) => ({
    kind,
    program,
    argv,
    flags,
  }));
}

/** A setting that is text; empty if it is not set. */
export function textOf(settings: Settings, name: string): string {
  const value = settings[name];
  return typeof value === 'string' ? value : '';
}

/** A setting that is a list of texts. */
export function listOf(settings: Settings, name: string): readonly string[] {
  const value = settings[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** Whether a list has an element, of whatever type. */
export function isListed(settings: Settings, name: string): boolean {
  const value = settings[name];
  return Array.isArray(value) && value.length > 0;
}

/** A setting that is a number. JSON has the largest unsigned number as a float, which no limit or mask needs exactly. */
export function numberOf(settings: Settings, name: string): number {
  const value = settings[name];
  return typeof value === 'number' ? value : 0;
}

/** Limits that the unit has and that a launch lowers by itself: those of core files and of the stack. */
export function limitsOf(
  settings: Settings,
): Partial<Record<'core' | 'stack', { soft: number; hard: number }>> {
  const limit = (name: string): number =>
    numberOf(settings, name) > Number.MAX_SAFE_INTEGER ? Infinity : numberOf(settings, name);
  const both = (name: string) => ({ soft: limit(`${name}Soft`), hard: limit(name) });
  return Object.fromEntries(
    [['core', both('LimitCORE')] as const, ['stack', both('LimitSTACK')] as const].filter(
      ([, { soft }]) => soft > 0,
    ),
  );
}

/** A list of names that are allowed (`isAllowed`) or refused, such as SystemCallFilter=. */
export function filterOf(
  settings: Settings,
  name: string,
): { readonly isAllowed: boolean; readonly names: readonly string[] } {
  const [isAllowed = false, names = []] = (settings[name] ?? []) as [boolean?, (readonly string[])?];
  return { isAllowed, names };
}

/** The patterns of EnvironmentFile=, and whether each may be missing. */
export const environmentFiles = (
  settings: Settings,
): readonly (readonly [path: string, isOptional: boolean])[] =>
  (settings.EnvironmentFiles ?? []) as readonly (readonly [string, boolean])[];

/** The paths in /etc that must be there for the service to start (systemd.unit(5), ConditionPathExists= and the like): its configuration. */
export const conditionsOf = (settings: Settings): readonly string[] =>
  conditionsIn(settings).flatMap(([name, , isNegated, path]) =>
    !isNegated && /^(?:Condition|Assert)(?:Path|File)/.test(name) && /^\/etc\/./.test(path) ? [path] : [],
  );

/** Conditions and asserts of a unit. */
export const conditionsIn = (settings: Settings): readonly Condition[] =>
  ['Conditions', 'Asserts'].flatMap((name) => (settings[name] ?? []) as readonly Condition[]);

type Condition = readonly [name: string, isTrigger: boolean, isNegated: boolean, value: string];

/** Those of StandardInput=, StandardOutput= and StandardError= that name a file (systemd.exec(5)). */
export const settingsWithFile = (settings: Settings): readonly string[] =>
  ['StandardInput', 'StandardOutput', 'StandardError'].filter((name) =>
    /^(?:file|append|truncate)$/.test(textOf(settings, name)),
  );

/** The files that systemd opens for the service before it gives up its privileges. `StandardFiles`: see systemd-bus.ts. */
export function openedByRoot(settings: Settings): readonly string[] {
  const pairs = (name: string): readonly (readonly [unknown, unknown])[] =>
    (settings[name] ?? []) as readonly (readonly [unknown, unknown])[];
  const named = [
    ...listOf(settings, 'StandardFiles'),
    ...pairs('EnvironmentFiles').map(([path]) => path),
    ...pairs('LoadCredential').map(([, path]) => path),
    ...pairs('LoadCredentialEncrypted').map(([, path]) => path),
  ];
  // a credential may also be the name of another one
  return named.filter((path) => typeof path === 'string').filter((path) => path.startsWith('/'));
}

/** The directories that systemd makes for the service, by their paths on the host (systemd.exec(5)). */
export function ownDirectories(settings: Settings): readonly {
  readonly variable: string;
  readonly paths: readonly string[];
}[] {
  return directoryBases.map(([setting, base]) => ({
    variable: setting.replace('Directory', '_DIRECTORY').toUpperCase(),
    paths: listOf(settings, setting).map((name) => `${base}/${name}`),
  }));
}

/** Further names of these directories (systemd.exec(5), StateDirectory=). The host has each as a link. */
export function directoryLinks(settings: Settings): readonly string[] {
  return directoryBases.flatMap(([setting, base]) =>
    ((settings[`${setting}Symlink`] ?? []) as readonly (readonly [name: string, link: string])[])
      .filter(([, link]) => link !== '')
      .map(([, link]) => `${base}/${link}`),
  );
}

const directoryBases = [
  ['RuntimeDirectory', '/run'],
  ['StateDirectory', '/var/lib'],
  ['CacheDirectory', '/var/cache'],
  ['LogsDirectory', '/var/log'],
  ['ConfigurationDirectory', '/etc'],
] as const;

const credentialSettings = words(
  'LoadCredential LoadCredentialEncrypted SetCredential SetCredentialEncrypted ImportCredential',
);

/** Whether systemd gives the service credentials (systemd.exec(5), CREDENTIALS). */
export function hasCredentials(settings: Settings): boolean {
  return credentialSettings.some((name) => isListed(settings, name));
}

/** The variables that hold directories of the service. They have the same paths in the jail. */
export function directoryVariables({
  unit,
  settings,
}: Pick<InstalledService, 'unit' | 'settings'>): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...ownDirectories(settings)
      .filter(({ paths }) => paths.length > 0)
      .map(({ variable, paths }) => [variable, paths.join(':')]),
    ...(hasCredentials(settings) ? [['CREDENTIALS_DIRECTORY', `/run/credentials/${unit}`]] : []),
  ]);
}
