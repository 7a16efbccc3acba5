// The configuration files of uchroot-inetd: finds their language, reads them, and makes their services.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { type LaunchError, UsageError } from '../../errors.ts';
import { meantPath } from '../../tree/misspelt-path.ts';
import { fileError } from '../../values/file-error.ts';
import { quote } from '../../words/quote.ts';
import { lookOr } from '../../words/system-error.ts';
import type { Services } from '../inetd.ts';
import { findOverlap, type Overlap } from '../listen/address-overlap.ts';
import { readRegularFile } from '../../values/regular-file.ts';
import type { ServiceSettings } from '../serve-request.ts';
import {
  findLost,
  toSettings,
  type ConfiguredService,
  type ConfiguredServices,
  type NotCarried,
} from './configured-service.ts';
import { errorAt, placeOf, type ConfiguredOption } from '../../values/toml-options.ts';
import { readInetdConf, type HostProgram } from './inetd-conf.ts';
import { portsOf } from './service-ports.ts';
import { readToml } from './toml-file.ts';
import { readXinetdConf } from './xinetd-conf.ts';
import { isIncluded, isXinetdText, type TextFile } from '../../tcpwrappers/daemon/xinetd-sections.ts';

/** The name of these files in errors. */
const WHAT = 'configuration';

/** Ten thousand services need a tenth of it. */
const MOST_BYTES = 16 * 2 ** 20;

function toConfigurationError(path: string, error: unknown): LaunchError {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return fileError(WHAT, path, error, isMissing ? meantPath(path, 'name a file that exists') : undefined);
}

// A directory such as /etc/xinetd.d: its files in their order, without those of editors and packages (xinetd.conf(5), includedir), and
// without directories and devices, as xinetd does. A link to nothing stays, so that it is told.
function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => isIncluded(name) || name.endsWith('.toml'))
      .toSorted()
      .map((name) => join(path, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() !== false);
  } catch (error) {
    throw toConfigurationError(path, error);
  }
}

// Reads a file; undefined if it was read before. Links are followed.
function readOnce(path: string, done: Set<string>): TextFile | undefined {
  try {
    const real = realpathSync(path);
    if (done.has(real)) return undefined;
    done.add(real);
  } catch (error) {
    throw toConfigurationError(path, error);
  }
  return { path, text: readRegularFile(WHAT, path, MOST_BYTES).toString() };
}

// Without the file, a name that needs it is an error of its line.
const servicesText = (): string => lookOr('', () => readFileSync('/etc/services', 'utf8'));

// Languages that are not read, but would be taken for inetd.conf(5).
function refuseOther({ path }: TextFile): void {
  if (/\.(?:ya?ml|json|ini)$/.test(path))
    throw new UsageError(`${quote(path)} is neither TOML nor a file of inetd or xinetd`, {
      hint: 'write TOML to a file whose name ends in .toml: [services.NAME], with listen, user, directory and program below',
    });
}

const isToml = ({ path }: TextFile): boolean => path.endsWith('.toml');

const isOfXinetd = (file: TextFile): boolean => !isToml(file) && isXinetdText(file.text);

/**
 * Reads files of any of the three languages: TOML if the name ends in `.toml`, xinetd.conf(5) if there is a section, else
 * inetd.conf(5). Defaults of xinetd count for all of its files, and what they include is read too. Each file is read once.
 *
 * @param directory the jail of services of inetd and xinetd that name none
 * @throws UsageError, LaunchError
 */
export function readConfiguration(paths: readonly string[], directory: string): ConfiguredServices {
  const hasIPv6 = existsSync('/proc/net/if_inet6');
  const host: HostProgram = { directory, portOf: portsOf(servicesText()), hasIPv6 };
  const done = new Set<string>();
  const open = (path: string): readonly TextFile[] =>
    filesOf(path).flatMap((path) => readOnce(path, done) ?? []);
  const texts = paths.flatMap(open);
  texts.forEach(refuseOther);
  const all = [
    ...texts
      .filter((file) => !isOfXinetd(file))
      .map((file) =>
        isToml(file) ? readToml(file.path, file.text) : readInetdConf(file.path, file.text, host),
      ),
    readXinetdConf(texts.filter(isOfXinetd), host, (path, from) => open(resolve(dirname(from), path))),
  ];
  const services = all.flatMap((one) => one.services);
  return {
    services: services.filter((service) => findLost(service) === undefined),
    notCarried: [
      ...all.flatMap(({ notCarried }) => notCarried),
      ...services.flatMap((service) => findLost(service) ?? []),
    ],
    disabled: all.flatMap(({ disabled = [] }) => disabled),
  };
}

/** The settings of each service. @param defaults options for services that do not set them */
export function toServices(
  services: readonly ConfiguredService[],
  defaults: readonly ConfiguredOption[],
): Services {
  if (services.length === 0)
    throw new UsageError('the configuration has no services', {
      hint: 'name a file in TOML, or of inetd or xinetd',
    });
  const named = new Map<string, ServiceSettings>();
  for (const service of services) {
    const { name, file, line, options, off = [] } = service;
    if (named.has(name)) throw errorAt(file, line, `there is another service ${quote(name)}`);
    const isSet = (wanted: string): boolean =>
      off.includes(wanted) || options.some(({ name }) => name === wanted);
    const inherited = defaults.filter((option) => !isSet(option.name));
    named.set(name, toSettings({ ...service, options: [...inherited, ...options] }));
  }
  const overlap = findOverlap([...named].map(([name, { listen }]) => [name, listen]));
  if (overlap !== undefined) throw overlapError(overlap, services);
  return named;
}

function overlapError(
  { service, index, earlier, message, hint }: Overlap,
  services: readonly ConfiguredService[],
): UsageError {
  const [own, other] = [service, earlier].map((wanted) => services.find(({ name }) => name === wanted));
  const { file = '', line, options = [] } = own ?? {};
  const option = options.filter(({ name }) => name === 'listen')[index];
  const where = other === undefined || other === own ? '' : ` (${placeOf(other.file, other.line)})`;
  return errorAt(option?.file ?? file, option?.line ?? line, `${quote(message)}${where}`, hint);
}

/** The message about a setting that is not carried over. */
export function showNotCarried({ file, line, message, leftOut }: NotCarried): string {
  const end = leftOut === undefined ? '' : `; the service ${quote(leftOut)} is left out`;
  return `${quote(file)}:${line}: ${message}${end}`;
}
