// The options of uchroot, and what they mean in a request. Names are those of chroot, setpriv, bwrap and systemd.
import { UsageError } from '../errors.ts';
import { parseRlimit } from '../launch/request/rlimits.ts';
import type { LaunchRequest } from '../launch/request/request.ts';
import { quote } from '../quote.ts';
import type { Argument, OptionKind } from './arguments.ts';

/** The words of the C original. */
export const usageLine = 'Usage: uchroot {username} {directory} {program} [arguments]';

export const usage = `${usageLine}
       uchroot [options] USER[:GROUP] DIRECTORY [PROGRAM [ARGUMENT]...]

Starts PROGRAM in the jail DIRECTORY with the privileges of USER, in place of itself. USER and GROUP are names or
numbers of the host; +N is always a number. Without PROGRAM the user's shell is started, or /bin/sh.

Identity
  --groups G1,G2         supplementary groups instead of the user's own
  --clear-groups         no supplementary groups
  --cap NAME             keep this capability, such as net_bind_service; may be repeated
  --allow-root           allow uid 0 or gid 0
  --allow-new-privs      let set-user-ID programs work in the jail
Process
  --chdir DIR            working directory in the jail (default /)
  --setenv NAME=VALUE    set a variable; may be repeated
  --unsetenv NAME        leave a variable out; may be repeated
  --pass-env NAME,NAME   variables of the caller's that pass; may be repeated
  --keep-env             keep the caller's environment, less loader and interpreter variables
  --preserve-fds N,M-P   descriptors above 2 that the program gets
  --rlimit NAME=SOFT[:HARD]
                         resource limit, such as nofile=4096; one number sets both; may be repeated
  --umask MODE           octal (default: the caller's with at least 022)
  --argv0 NAME           argv[0] of the program
  --new-session          a session of its own, without a terminal
  --die-with-parent      SIGKILL when the starting process ends
Jail
  --insecure-path        accept a jail that the user could replace
  --check                look for what makes the jail unsafe first, and refuse it
Reports
  --plan                 print the steps and what would fail; start nothing
  --format FORMAT        of the plan: text or json
  --status-fd N          write {"event":"started"|"failed"…} lines to descriptor N
  --pid-file FILE        write the pid to FILE on the host
  --service-status       tell an init system: a launch that fails ends with 250 or 251, and systemd shows the reason
Without Node
  --compile FILE         write one static executable that performs this launch; start nothing
  --any-inode            let it accept another directory at the path of the jail, if its owner and mode are as safe
  --architecture ARCH    x64 or arm64 (default: this machine's)
  --help, --version
Init units
  --unit FORMAT          print the unit that performs this launch at boot: systemd, openrc, sysv, runit or s6
  --unit-dir DIR         write its files to DIR instead
  --unit-name NAME       name of the service (default: the program's)
  --listen ADDRESS       systemd listens for the program: a port, ADDRESS:PORT, a path or @NAME; may be repeated
  --accept               one process a connection, on its standard input and output
  --notify               the program says when it is ready (sd_notify)
  --watchdog SECONDS     started anew if it gives no sign of life for so long
  --reload-signal SIGNAL a reload sends this signal
  --reload-update        and before, it brings the jail up to date (uchroot-jail update)
  --syslog               brings the socket of the host's log into the jail

Exit status: 1 usage, 2 unknown user, 3 not root, 125 the launch failed, 126 PROGRAM cannot be executed,
127 PROGRAM or what it needs was not found; else PROGRAM's own. With --service-status: 250 the launch failed, and
another try would fail too, 251 another try may succeed; else PROGRAM's own.
`;

/** Every option, and whether it takes a value. */
export const optionKinds = {
  groups: 'value',
  'clear-groups': 'flag',
  cap: 'value',
  'allow-root': 'flag',
  'allow-new-privs': 'flag',
  chdir: 'value',
  setenv: 'value',
  unsetenv: 'value',
  'pass-env': 'value',
  'keep-env': 'flag',
  'preserve-fds': 'value',
  rlimit: 'value',
  umask: 'value',
  argv0: 'value',
  'new-session': 'flag',
  'die-with-parent': 'flag',
  'insecure-path': 'flag',
  check: 'flag',
  plan: 'flag',
  format: 'value',
  'status-fd': 'value',
  'pid-file': 'value',
  'service-status': 'flag',
  compile: 'value',
  'any-inode': 'flag',
  architecture: 'value',
  help: 'flag',
  version: 'flag',
  unit: 'value',
  'unit-dir': 'value',
  'unit-name': 'value',
  listen: 'value',
  accept: 'flag',
  notify: 'flag',
  watchdog: 'value',
  'reload-signal': 'value',
  'reload-update': 'flag',
  syslog: 'flag',
} as const satisfies Readonly<Record<string, OptionKind>>;

type OptionName = keyof typeof optionKinds;

/** Of these, the ones that say how a unit runs, and are no part of its launch. */
export const unitOptions: ReadonlySet<string> = new Set([
  'unit',
  'unit-dir',
  'unit-name',
  'listen',
  'accept',
  'notify',
  'watchdog',
  'reload-signal',
  'reload-update',
  'syslog',
] satisfies readonly OptionName[]);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function number(text: string, option: string): number {
  if (/^(0|[1-9][0-9]{0,9})$/.test(text)) return Number(text);
  throw new UsageError(`${option} takes a number, not '${quote(text)}'`);
}

function descriptors(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    const from = number(first, '--preserve-fds');
    const to = number(last, '--preserve-fds');
    if (more.length > 0 || to < from || to - from > 65535) {
      throw new UsageError(`--preserve-fds takes numbers and ranges such as 3,5-7, not '${quote(text)}'`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

function umask(text: string): number {
  if (/^[0-7]{1,4}$/.test(text) && Number.parseInt(text, 8) <= 0o777) return Number.parseInt(text, 8);
  throw new UsageError(`--umask takes an octal mode such as 027, not '${quote(text)}'`);
}

// Names are text in a request: one that is no text would come out as another.
function variableName(bytes: Buffer, option: string): string {
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return name;
  throw new UsageError(`${option}: the name '${quote(bytes)}' is not UTF-8`, {
    hint: 'set such a variable for uchroot itself, by env(1), and pass it on with --keep-env',
  });
}

function variable({ text, bytes }: Argument): readonly [string, Buffer] {
  const equals = bytes.indexOf(0x3d);
  if (equals > 0) return [variableName(bytes.subarray(0, equals), '--setenv'), bytes.subarray(equals + 1)];
  throw new UsageError(`--setenv takes NAME=VALUE, not '${quote(text)}'`);
}

/** A path from / on; the jail's is walked from there (host.cc). @throws UsageError */
export function absolute(path: Buffer): Buffer {
  if (path.length === 0 || path[0] === 0x2f) return path;
  try {
    return Buffer.concat([Buffer.from(`${process.cwd()}/`), path]);
  } catch {
    throw new UsageError(
      `${quote(path)} is a relative path, and the working directory does not exist any more`,
    );
  }
}

/** The request that a command line stands for. @throws UsageError */
export function toRequest(
  options: readonly (readonly [string, Argument])[],
  operands: readonly Argument[],
): LaunchRequest {
  const [user, jail, program, ...args] = operands;
  const request: Writable<LaunchRequest> = {
    user: user?.text ?? '',
    jail: absolute(jail?.bytes ?? Buffer.alloc(0)),
  };
  if (program !== undefined) request.program = program.bytes;
  request.args = args.map((argument) => argument.bytes);
  // without a prototype: a variable may be called __proto__
  const env = Object.create(null) as Record<string, Buffer | undefined>;
  const caps: string[] = [];
  const rlimits: Record<string, { soft: number; hard: number }> = {};
  for (const [name, value] of options) {
    switch (name as OptionName) {
      case 'groups':
        request.groups = value.text === '' ? [] : value.text.split(',');
        break;
      case 'clear-groups':
        request.clearGroups = true;
        break;
      case 'cap':
        caps.push(...value.text.split(','));
        break;
      case 'allow-root':
        request.allowRoot = true;
        break;
      case 'allow-new-privs':
        request.allowNewPrivs = true;
        break;
      case 'chdir':
        request.cwd = value.bytes;
        break;
      case 'setenv': {
        const [key, content] = variable(value);
        env[key] = content;
        break;
      }
      case 'unsetenv':
        env[variableName(value.bytes, '--unsetenv')] = undefined;
        break;
      case 'pass-env':
        request.passEnv = [...(request.passEnv ?? []), ...variableName(value.bytes, '--pass-env').split(',')];
        break;
      case 'keep-env':
        request.keepEnv = true;
        break;
      case 'preserve-fds':
        request.preserveFds = [...(request.preserveFds ?? []), ...descriptors(value.text)];
        break;
      case 'rlimit': {
        const [resource, limit] = parseRlimit(value.text);
        rlimits[resource] = limit;
        break;
      }
      case 'umask':
        request.umask = umask(value.text);
        break;
      case 'argv0':
        request.argv0 = value.bytes;
        break;
      case 'new-session':
        request.newSession = true;
        break;
      case 'die-with-parent':
        request.dieWithParent = true;
        break;
      case 'insecure-path':
        request.insecurePath = true;
        break;
      case 'status-fd':
        request.statusFd = number(value.text, '--status-fd');
        break;
      case 'pid-file':
        request.pidFile = value.text;
        break;
      case 'service-status':
      case 'unit':
      case 'check':
      case 'plan':
      case 'compile':
      case 'help':
      case 'version':
        break;
      case 'format':
        if (!options.some(([other]) => other === 'plan'))
          throw new UsageError('--format is for a plan: give --plan as well');
        break;
      case 'any-inode':
      case 'architecture':
        if (!options.some(([other]) => other === 'compile'))
          throw new UsageError(`--${name} is for a compiled launcher: give --compile as well`);
        break;
      case 'unit-dir':
      case 'unit-name':
      case 'listen':
      case 'accept':
      case 'notify':
      case 'watchdog':
      case 'reload-signal':
      case 'reload-update':
      case 'syslog':
        if (!options.some(([other]) => other === 'unit'))
          throw new UsageError(`--${name} is for a unit: give --unit as well`);
        break;
      default:
        name satisfies string;
    }
  }
  return { ...request, env, caps, rlimits };
}
