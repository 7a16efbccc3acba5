// The part that all requests about a service have in common.
import { UsageError } from '../../errors.ts';
import { checkKeys, checkSignal, takeRequest } from '../../values/keys.ts';
import { meantText } from '../../mistakes/meant-value.ts';
import type { Foreign } from '../../words/nearest.ts';
import type { JailWork } from '../../jail/request/jail-request.ts';
import { toUnitName } from './systemd-bus.ts';

export interface ServiceWork extends Pick<JailWork, 'signal' | 'onProgress'> {
  /** The service, such as `nginx` or `postgresql@17-main.service`. */
  readonly unit: string;
}

const workKeys = ['unit', 'signal', 'onProgress'];

const place = 'leave it out: the place of the jail is given';

const foreign: Foreign = {
  service: 'unit',
  name: 'unit',
  directory: place,
  jail: place,
  root: place,
  program: 'programs',
  bind: 'binds',
  roBind: 'readOnlyBinds',
  roBinds: 'readOnlyBinds',
  watch: 'watchMs',
  timeoutMs: 'watchMs',
  dryRun: 'plan',
};

/** A checked copy of a request about a service. @throws UsageError, and if the caller is not root */
export function takeServiceRequest<T extends ServiceWork>(request: T, more: readonly string[] = []): T {
  const own = takeRequest(request, (given) => {
    checkKeys(given, new Set([...workKeys, ...more]), undefined, () => foreign);
    if (typeof given.unit !== 'string')
      throw new UsageError('unit must be a string', { hint: meantText('unit', given.unit, 'nginx') });
    checkSignal(given.signal);
  });
  if (process.geteuid?.() !== 0)
    throw new UsageError('services are adopted by root', { hint: 'start it with sudo' });
  return { ...own, unit: toUnitName(own.unit) };
}
