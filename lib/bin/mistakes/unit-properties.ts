// Settings of systemd-run -p, for the hint of that option. Pure.
import { commandLine } from '../../words/shell-word.ts';

// Of systemd.exec(5) and systemd.resource-control(5), with the option that takes the same value, or with words.
const settings: Readonly<Record<string, string>> = {
  MemoryMax: 'memory',
  MemoryHigh: 'memory',
  MemoryLimit: 'memory',
  MemorySwapMax: 'swap',
  TasksMax: 'pids',
  IOWeight: 'io-weight',
  RuntimeMaxSec: 'time',
  Nice: 'nice',
  UMask: 'umask',
  WorkingDirectory: 'chdir',
  Environment: 'setenv',
  PassEnvironment: 'pass-env',
  CPUAffinity: 'affinity',
  OOMScoreAdjust: 'oom-score-adj',
  PIDFile: 'pid-file',
  User: 'the user is the first word, USER',
  Group: 'the group stands behind the user, USER:GROUP',
  RootDirectory: 'the jail is the second word, DIRECTORY',
  PrivateNetwork: 'write --isolate',
  PrivateTmp: 'write --isolate --tmpfs /tmp',
  NoNewPrivileges: 'leave it out: this is so by default',
};

function written(name: string, value: string): string | undefined {
  const limit = /^Limit([A-Z]+)$/.exec(name)?.[1];
  if (limit !== undefined) return `write --rlimit ${limit.toLowerCase()}=${value}`;
  const share = /^CPUQuota=(\d+)%$/.exec(`${name}=${value}`)?.[1];
  if (share !== undefined) return `write --cpu ${Number(share) / 100}`;
  const capabilities = /^(?:Ambient|BoundingSet|CapabilityBoundingSet)/.test(name) ? value : '';
  if (capabilities !== '')
    return `write ${commandLine(...capabilities.split(' ').flatMap((each) => ['--cap', each.replace(/^CAP_/, '').toLowerCase()]))}`;
  const ours = Object.hasOwn(settings, name) ? (settings[name] ?? '') : '';
  return ours === '' || ours.includes(' ') ? ours || undefined : `write ${commandLine(`--${ours}`, value)}`;
}

/** The hint for `-p NAME=VALUE` or `--property=NAME=VALUE`; undefined if no word is one. */
export function propertyHint(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => /^(?:-p|--property)(?:=|$)/.test(word));
  const setting = /=(.*)$/.exec(words[at] ?? '')?.[1] ?? words[at + 1] ?? '';
  const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(at < 0 ? '' : setting) ?? [];
  return name === undefined || value === undefined ? undefined : written(name, value);
}
