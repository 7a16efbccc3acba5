// Keys of requests about jails, services and rules, as other libraries and launches have them.
import { didYouMean, type Foreign } from '../words/nearest.ts';

/** For a key that a request does not have: the key that is meant, or a hint. */
export const foreignWorkKeys: Foreign = {
  jail: 'directory',
  root: 'directory',
  dir: 'directory',
  user: 'users',
  program: 'programs',
  command: 'programs',
  commands: 'programs',
  binaries: 'programs',
  bins: 'programs',
  executables: 'programs',
  packageName: 'packages',
  copy: 'copies',
  file: 'path',
  files: 'copies',
  include: 'copies',
  exclude: 'without',
  overwrite: 'replace',
  dryRun: 'plan',
  from: 'template',
  source: 'template',
  src: 'template',
  to: 'directory',
  dest: 'directory',
  destination: 'directory',
  target: 'directory',
  path: 'directory',
  progress: 'onProgress',
  cancelSignal: 'signal',
  abortSignal: 'signal',
  recursive: 'leave it out: the whole directory is meant',
  force: 'leave it out: nothing asks before',
  verbose: 'leave it out: onProgress is told how far the work is',
  quiet: 'leave it out: nothing is printed',
  service: 'unit',
  name: 'unit',
  hostsAllow: 'allow',
  allowFile: 'allow',
  hostsDeny: 'deny',
  denyFile: 'deny',
  timeoutMs: 'nameTimeoutMs',
  timeout: 'write signal: AbortSignal.timeout(60_000), in milliseconds',
};

/** What a request about a jail says besides its first key. */
export function besidesFirst(known: ReadonlySet<string>): string {
  if (known.has('programs') && known.has('packages')) return ", programs: ['bash', 'ls']";
  return known.has('template') ? ", directory: '/srv/new'" : '';
}

/** For a key that resembles no other one: the hint for a word in it, as `timeout` in `childTimeout`. */
export function hintForPart(key: string, known: readonly string[], foreign: Foreign): string | undefined {
  const parts = key.split(/(?=[A-Z])|[_-]/).map((part) => part.toLowerCase());
  if (parts.length < 2) return undefined;
  const whole = parts.find((part) => known.includes(part));
  if (whole !== undefined) return `did you mean '${whole}'?`;
  // the last word is what it is about
  const part = parts.toReversed().find((one) => Object.hasOwn(foreign, one));
  return part === undefined ? undefined : didYouMean(part, known, (name) => `'${name}'`, foreign);
}
