// Rows of the option table about isolation: namespaces, and what the program sees of the file system.
import { flag } from '../../values/validators.ts';
import { toCalls, toFilterSource } from './filter-value.ts';
import * as to from './isolation-value.ts';
import { landlockOptionRows } from './landlock-rows.ts';
import { addNames, addText, launchOption, parsePath, parseText } from './launch-option.ts';
import { onOff, type Rows, type Values } from './option-row.ts';
import { toConnectTo, toListenOn } from './outbound-value.ts';
import { parseUntrusted, toUntrusted } from './untrusted.ts';
import { addBind, addPlace, addTmpfs } from './view-options.ts';

export const isolationRows = {
  /**
   * The strongest jail: a set of keys for code that nobody trusts, with limits (uchroot --help=untrusted). Each key that is given changes
   * it. `rootless`: the same for an ordinary user.
   */
  untrusted: {
    type: "boolean or `'rootless'`",
    default: 'false',
    // addUntrusted() has put the keys of the set in
    normal: toUntrusted,
    options: () => [
      launchOption(
        'Isolation',
        '--untrusted[=rootless]',
        'the strongest jail, with limits: see --help=untrusted; =rootless: without root',
        ({ text }) => parseUntrusted(text),
        {
          notInUnit:
            'it has limits for one run, and a service runs for long: give the options of --help=untrusted that you want',
          notCompiled: {
            because: 'a compiled launcher makes no cgroup, and does not wait',
            hint: 'give the options of --help=untrusted that you want',
          },
        },
      ),
    ],
  },
  /** Namespaces of its own of every kind, the jail as their root, and nothing of the host's processes and network. */
  isolate: {
    ...onOff('Isolation', '--isolate', 'own namespaces: no processes, network, IPC or mounts of the host'),
    setUp: true,
    from: ['rootless'],
    normal: (value: boolean | undefined, key: string, others: Values) =>
      flag(value, key) || others.rootless === true,
  },
  /** The same for an ordinary user, in a user namespace. The program runs as `user` there. */
  rootless: {
    ...onOff(
      'Isolation',
      '--rootless',
      'the same without root: USER is a name for the caller, in a user namespace',
      {
        notInUnit: 'a service of the system is started as root, and needs no user namespace: give --isolate',
        notCompiled: { because: 'a compiled launcher is run by root', hint: 'give --isolate' },
      },
    ),
    setUp: true,
    normal: to.toRootless,
  },
  /** The caller's ids of /etc/subuid and /etc/subgid are the other ids in the user namespace of `rootless`. */
  mapAuto: {
    ...onOff(
      'Isolation',
      '--map-auto',
      "with --rootless: the other ids inside are the caller's of /etc/subuid and /etc/subgid",
      {
        notInUnit: 'a service of the system is started as root, which has all ids: give --isolate',
        notCompiled: { because: 'a compiled launcher is run by root', hint: 'give --isolate' },
      },
    ),
    normal: to.toMapAuto,
  },
  /** Kinds of namespaces of its own: `mount`, `pid`, `ipc`, `uts`, `cgroup`, `net`; all of them with isolate. */
  unshare: {
    type: 'array of strings',
    default: '`[]`',
    setUp: true,
    normal: to.toNamespaces,
    options: () => [
      launchOption(
        'Isolation',
        '--unshare KIND,KIND...',
        'own namespaces of these kinds: mount, pid, ipc, uts, cgroup, net',
        addNames,
      ),
    ],
  },
  /** Network with isolate: `none` (only lo), or that of the `host`. */
  net: {
    type: "'none' or 'host'",
    default: "'none' with isolate",
    setUp: true,
    normal: to.toNet,
    options: () => [
      launchOption(
        'Isolation',
        '--net none|host',
        'network of --isolate (default: none, with lo up)',
        parseText,
      ),
    ],
  },
  /** Whom the program may call, from a network of its own: NAME:PORTS and the like. None by default. */
  connectTo: {
    type: 'array of strings',
    default: '`[]`',
    setUp: true,
    from: ['onConnect'],
    normal: toConnectTo,
    options: () => [
      launchOption(
        'Isolation',
        '--connect-to ENTRY',
        'what it may call: NAME:PORTS, .DOMAIN:PORTS, NET/LENGTH:PORTS, unix:PATH, @FILE; may be repeated',
        addText,
        {
          notCompiled: {
            because: 'a compiled launcher has no process that stays to relay',
            hint: 'start the program by uchroot --isolate --connect-to',
          },
        },
      ),
    ],
  },
  /** Ports of the host that lead to ports of the program in a network of its own: `8080:3000`. None by default. */
  listenOn: {
    type: 'array of strings',
    default: '`[]`',
    setUp: true,
    normal: toListenOn,
    options: () => [
      launchOption(
        'Isolation',
        '--listen-on [ADDRESS:]PORT[:INSIDE]',
        'a port of the host (127.0.0.1) that leads to a port of the program; may be repeated',
        addText,
        {
          notInUnit: 'a service has its port of systemd itself: give --listen',
          notCompiled: {
            because: 'a compiled launcher has no process that stays to relay',
            hint: 'start the program by uchroot --isolate --listen-on',
          },
        },
      ),
    ],
  },
  /** Name of the host in a uts namespace of its own. */
  hostname: {
    type: 'string',
    default: "the host's",
    setUp: true,
    normal: to.toHostname,
    options: () => [
      launchOption('Isolation', '--hostname NAME', 'name of the host in its own uts namespace', parseText),
    ],
  },
  /** The jail is read-only, except for the mounts of `view`. */
  readOnly: {
    ...onOff('Isolation', '--read-only', 'the jail cannot be written, but for the places below'),
    normal: to.toReadOnly,
    setUp: true,
  },
  /** Throws away what the program writes to the jail, or keeps it in this directory of the host. */
  ephemeral: {
    type: 'boolean, Bytes',
    default: 'false',
    setUp: true,
    normal: to.toEphemeral,
    options: () => [
      launchOption(
        'Isolation',
        '--ephemeral',
        'what is written to the jail vanishes with the program',
        () => true,
      ),
      launchOption('Isolation', '--ephemeral-dir DIR', 'it is kept in DIR on the host instead', ({ bytes }) =>
        to.toStore(bytes, 'ephemeral-dir'),
      ),
    ],
  },
  /** A directory of the host that the program sees at the same path. What it writes there is kept aside until `uchroot-jail commit`. */
  workspace: {
    type: 'Bytes',
    default: '–',
    setUp: true,
    normal: to.toWorkspacePath,
    options: () => [
      launchOption(
        'Isolation',
        '--workspace DIR',
        'a directory of the host, at the same path; its changes are kept aside (uchroot-jail changes)',
        parsePath,
        {
          notInUnit: 'changes wait for a person who commits them: give --bind',
          notCompiled: { because: 'the changes of a workspace are kept by the command', hint: 'give --bind' },
        },
      ),
    ],
  },
  /** Mounts and directories that the program sees besides the jail's files, in this order. */
  view: {
    type: 'array of View',
    default: '`[]`',
    setUp: true,
    from: ['workspace'],
    normal: to.toView,
    options: () => [
      launchOption('Isolation', '--bind SRC[:DEST]', "a file or directory of the host's", addBind(false)),
      launchOption('Isolation', '--ro-bind SRC[:DEST]', 'the same, which cannot be written', addBind(true)),
      launchOption(
        'Isolation',
        '--tmpfs DEST[:OPTIONS]',
        'an empty directory in memory: size=, nr_inodes=, mode=, noexec',
        addTmpfs,
      ),
      launchOption('Isolation', '--proc DEST', 'proc(5) of its own processes', addPlace('proc')),
      launchOption('Isolation', '--dev DEST', 'the usual devices and terminals', addPlace('dev')),
      launchOption(
        'Isolation',
        '--dir DEST',
        'make this directory and those above it, unless they are there',
        addPlace('dir'),
      ),
      launchOption(
        'Isolation',
        '--writable DEST',
        'may be written with --read-only; no programs there',
        addPlace('writable'),
      ),
    ],
  },
  /** System calls that the filter gives back: names of calls, or of groups such as `debug`. */
  allow: {
    type: 'array of strings',
    default: '`[]`',
    normal: toCalls,
    options: () => [
      launchOption(
        'Isolation',
        '--allow NAME',
        'give this system call back, or a group of calls such as debug; may be repeated',
        addNames,
      ),
    ],
  },
  /**
   * Path on the host of a profile of system calls; `default` for the filter of an isolated launch; `log`, or `log:` and a path, to log
   * what either would refuse.
   */
  seccomp: {
    type: "string, `'default'`, `'log'`",
    default: 'the small filter',
    normal: toFilterSource,
    options: () => [
      launchOption(
        'Isolation',
        '--seccomp FILE|default|log|log:FILE',
        'filter of system calls: a profile of docker or OCI, or the default one; log: only log',
        parseText,
      ),
    ],
  },
  /** The filter refuses to make set-user-ID and set-group-ID files. */
  noSetId: onOff('Isolation', '--no-set-id', 'no set-user-ID or set-group-ID file can be made'),
  ...landlockOptionRows,
} as const satisfies Rows;
