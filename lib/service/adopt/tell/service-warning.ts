// Warnings about the jail of a service: those of the builder in words of uchroot-service, and paths that the jail lacks. Pure.
import { isWithin, showPath } from '../../../tree/path.ts';
import { terminalWarning } from '../../../jail/packs/file-packs.ts';
import { fromText } from '../../../jail/manifest/path-text.ts';
import type { JailWarning } from '../../../jail/work/jail-warning.ts';
import { commandLine } from '../../../words/shell-word.ts';
import type { Adoption, HostFacts } from '../adoption.ts';
import type { Identity } from '../identity.ts';
import { isLoneLog } from '../installed/service-paths.ts';
import { isMounted } from '../installed/unit-mounts.ts';

const shown = (text: string): string => showPath(fromText(text));

const option = (name: string, values: readonly string[]): string =>
  values.map((value) => `--${name} ${value}`).join(' ');

/**
 * The lines for a warning of the builder. They name options of uchroot-service, since an update would undo what another command adds.
 * There is no warning for a file that is left out of the jail, if its directory is mounted.
 */
export function toServiceWarning(
  warning: JailWarning,
  { paths: mounted, entry }: Pick<Adoption, 'paths' | 'entry'>,
): readonly string[] {
  const isMounted = (path: string): boolean => mounted.some((one) => isWithin(path, one.path));
  switch (warning.kind) {
    case 'secret': {
      const left = warning.paths.filter((path) => !isMounted(path)).map(shown);
      if (left.length === 0) return [];
      return [
        `left out because not world-readable: ${left.join(', ')}; if it is needed: ${option('ro-bind', left)}`,
      ];
    }
    case 'program': {
      const paths = warning.paths.map(shown);
      return [`${shown(warning.by)} may start ${paths.join(' ')}: ${option('program', paths)} adds that`];
    }
    case 'package':
      return [
        `further parts of the programs are in the packages ${warning.packages.join(', ')}; if one is needed: --ro-bind brings its files`,
      ];
    case 'user':
    case 'group': {
      const remedy = warning.kind === 'user' ? `: ${option('account', [warning.name])} adds it` : '';
      return [
        `${shown(warning.by)} names the ${warning.kind} ${warning.name}, which the jail does not know${remedy}`,
      ];
    }
    case 'trial':
      return [
        `${warning.said}; if it needs that of the host: --ro-bind PATH, or --program PATH for a program`,
      ];
    case 'other':
      if (warning.message !== terminalWarning) return [warning.message];
      // systemd's PrivateDevices= has them too
      return entry === 'systemd' || isMounted('/dev/pts')
        ? []
        : [
            'its programs can open no terminals: --bind /dev/pts --insecure-path brings in those of the host, with all logins',
          ];
    default:
      return warning satisfies never;
  }
}

const ofKernel = /^\/(dev|proc|sys|run|tmp)(\/|$)/;

/** The files and directories of the host that a command line or the configuration names and the jail lacks. */
export function unseenPaths(
  { own, service, paths }: Pick<Adoption, 'own' | 'service' | 'paths'>,
  configured: readonly string[],
  isOnHost: (path: string) => boolean,
  isInJail: (path: string) => boolean,
): { readonly onLines: readonly string[]; readonly inConfiguration: readonly string[] } {
  const isUnseen = (path: string): boolean =>
    path !== '/' &&
    !ofKernel.test(path) &&
    isOnHost(path) &&
    !isMounted(service.settings, paths, path) &&
    !isInJail(path);
  const onLines = own
    .flatMap(({ argv }) => argv.slice(1))
    .flatMap((word) => /^(?:--?[\w-]+=)?(\/\S+)$/.exec(word)?.[1] ?? []);
  return {
    onLines: [...new Set(onLines)].filter(isUnseen),
    // a directory of the system, such as /usr/share, is named for other reasons
    inConfiguration: [...new Set(configured)].filter((path) => path.split('/').length > 3 && isUnseen(path)),
  };
}

/** What an adoption changes that shows later. */
export const changeWarnings = ({
  paths,
  forgeable,
  forgeableLogs,
  coarse,
}: Pick<Adoption, 'paths' | 'forgeable' | 'forgeableLogs' | 'coarse'>): readonly string[] => [
  ...paths
    .filter(isLoneLog)
    .map(({ path }) => `when ${path} is rotated, it writes to the old file until it is restarted`),
  ...forgeable.map(
    (path) => `${path}, an EnvironmentFile= in a directory that it can write, is not read any more`,
  ),
  ...forgeableLogs.map(
    (path) =>
      `its output goes to the journal, and no longer to ${path}, which lies in a directory that it can write`,
  ),
  ...coarse.map(
    (path) =>
      `its unit lets it write to all of ${path}, which its jail does not have: --bind brings in what it needs there`,
  ),
];

/** Without this capability it can come up all the same, and fail for its clients. */
export const chrootWarnings = (
  { user, caps }: Pick<Identity, 'user' | 'caps'>,
  { asksChroot }: Pick<HostFacts, 'asksChroot'>,
): readonly string[] =>
  asksChroot && user === 'root' && !caps.includes('sys_chroot')
    ? ['its configuration asks for chroot(2), which its jail refuses: --cap sys_chroot allows it']
    : [];

/** Its clients would see directories of the jail in place of those of the host. */
export const servedWarnings = (
  { service, paths }: Pick<Adoption, 'service' | 'paths'>,
  { served }: Pick<HostFacts, 'served'>,
): readonly string[] =>
  [...new Set(served)]
    .filter((path) => !isMounted(service.settings, paths, path))
    .map((path) =>
      path === '/'
        ? 'its clients see / of its jail, and no longer that of the host: to serve that, it must stay on the host'
        : `its clients see ${path} of its jail, and no longer that of the host: ${commandLine('--ro-bind', path)} brings that in`,
    );

/** A warning for each of these. */
export const unseenWarnings = (paths: readonly string[]): readonly string[] =>
  paths.map(
    (path) =>
      `its command line names ${path}, which is not in the jail: ${commandLine('--ro-bind', path)} brings it in`,
  );
