// Rewrites the builder's warnings for users of uchroot-service. Pure.
import { isWithin, showPath } from '../../../tree/path.ts';
import { terminalWarning } from '../../../jail/packs/file-packs.ts';
import { fromText } from '../../../jail/manifest/path-text.ts';
import type { JailWarning } from '../../../jail/work/jail-warning.ts';
import type { Adoption } from '../adoption.ts';

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
    case 'group':
      return [`${shown(warning.by)} names the ${warning.kind} ${warning.name}, which the jail does not know`];
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
