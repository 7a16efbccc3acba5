// What the rows of the step table make of examples: the encoding and the line of --plan.
import t from 'tap';

import { encodePlan } from '../../../lib/launch/plan/encode.ts';
import type { Step } from '../../../lib/launch/plan/step.ts';
import { describeStep, rowOf, stepTable } from '../../../lib/launch/plan/table.ts';

const b = (text: string): Buffer => Buffer.from(text);

// Flags in decimal, `a` and `b` in hexadecimal, the data as text with a dot for NUL, or in hexadecimal; then the description. The
// numbers are those of native/plan/plan.h and of the kernel's headers: linux/prctl.h, sched.h, mount.h, landlock.h.
const rows: readonly (readonly [step: Step, encoded: string, described: string])[] = [
  [{ op: 'join_session_keyring' }, '1:0:0:', "keyctl(): a new session keyring: none of the caller's keys"],
  [
    { op: 'join_session_keyring', isOwn: true },
    '0:0:0:',
    "keyctl(): a new session keyring: none of the caller's keys",
  ],
  [{ op: 'setsid' }, '0:0:0:', 'setsid(): a session of its own, without a terminal'],
  [{ op: 'setpgid' }, '0:0:0:', 'setpgid(): a process group of its own, to be ended as a whole'],
  [
    { op: 'setpgid', unlessTerminal: true },
    '0:1:0:',
    "setpgid(): not the caller's process group, to which it could send signals; but with a terminal on 0 to 2 it stays there",
  ],
  [
    { op: 'open_pty', owner: 1000, cols: 80, rows: 24, directory: b('/dev/pts'), isOutside: false },
    '0:3e8:180050:/dev/pts.',
    'open(/dev/pts/ptmx 80x24): a pseudo-terminal of its own, as 0 to 2',
  ],
  [
    {
      op: 'open_pty',
      owner: 1000,
      cols: 80,
      rows: 24,
      directory: b('/dev/pts'),
      isOutside: true,
      isTried: true,
    },
    '0:3e8:300180050:/dev/pts.',
    'open(/dev/pts/ptmx of the jail, or /dev/ptmx 80x24): a pseudo-terminal of its own, as 0 to 2',
  ],
  [{ op: 'controlling_tty' }, '0:0:0:', 'ioctl(TIOCSCTTY): the terminal of its session: Ctrl-C, Ctrl-Z'],
  [{ op: 'umask', mask: 0o027, exact: true }, '0:17:1:', 'umask(027): files that nobody else can write'],
  [
    { op: 'umask', mask: 0o027, exact: false },
    '0:17:0:',
    'umask(at least 027): files that nobody else can write',
  ],
  [{ op: 'setpriority' }, '0:0:0:', 'setpriority(at least 0): no negative nice value'],
  [
    { op: 'setpriority', least: -5 },
    '0:fffffffffffffffb:0:',
    'setpriority(at least -5): others get the CPU first',
  ],
  [
    { op: 'oom_score_adj' },
    '16:0:0:',
    'write(/proc/self/oom_score_adj at least 0): no protection from the OOM killer',
  ],
  [
    { op: 'oom_score_adj', least: -500 },
    '0:fffffffffffffe0c:0:-500',
    'write(/proc/self/oom_score_adj at least -500): the OOM killer takes it sooner',
  ],
  [
    { op: 'sched_setaffinity', cpus: [0, 9] },
    '0:0:0:0102000000000000',
    'sched_setaffinity(CPUs 0,9): no other CPUs than these',
  ],
  [
    { op: 'sched_setaffinity', cpus: [3, 36, 69] },
    '0:0:0:08000000100000002000000000000000',
    'sched_setaffinity(CPUs 3,36,69): no other CPUs than these',
  ],
  [
    { op: 'sched_setaffinity', cpus: [64] },
    '0:0:0:00000000000000000100000000000000',
    'sched_setaffinity(CPUs 64): no other CPUs than these',
  ],
  [
    { op: 'sched_setaffinity', cpus: [], one: true },
    '0:1:0:',
    'sched_setaffinity(one of all CPUs): one CPU, so that its threads take turns',
  ],
  [{ op: 'sched_setscheduler' }, '8:0:0:', 'sched_setscheduler(): no realtime scheduling'],
  [{ op: 'ioprio_set' }, '0:0:0:', 'ioprio_set(): no realtime I/O class'],
  [{ op: 'personality', persona: 0 }, '0:0:0:', 'personality(0): address randomisation on'],
  [
    { op: 'personality', persona: 0x40000 },
    '0:40000:0:',
    'personality(262144): the same addresses in each launch',
  ],
  [{ op: 'setitimer', timer: 'real' }, '4:0:0:', "setitimer(real off): none of the caller's timers"],
  [{ op: 'setitimer', timer: 'virtual' }, '4:1:0:', "setitimer(virtual off): none of the caller's timers"],
  [{ op: 'setitimer', timer: 'prof' }, '4:2:0:', "setitimer(prof off): none of the caller's timers"],
  [
    { op: 'timer_slack', nanoseconds: 50_000 },
    '0:1d:c350:',
    'prctl(PR_SET_TIMERSLACK 50000): default timer slack',
  ],
  [{ op: 'child_subreaper', on: false }, '4:24:0:', 'prctl(PR_SET_CHILD_SUBREAPER 0): no orphans of others'],
  [{ op: 'stdio', fd: 2 }, '0:2:0:', 'fcntl(descriptor 2): open (else /dev/null), blocking, inherited'],
  [
    { op: 'stdio', fd: 1, replacesNull: true },
    '0:1:1:',
    'fcntl(descriptor 1): open (else /dev/null), blocking, inherited',
  ],
  [{ op: 'close_range', first: 3 }, '0:3:0:', 'close_range(descriptors from 3 on): closed by execve'],
  [{ op: 'keep_fd', fd: 7 }, '256:7:0:', 'fcntl(descriptor 7): kept open for the program'],
  [
    { op: 'keep_listen_fds' },
    '0:0:0:',
    'fcntl(descriptors 3 to 2+LISTEN_FDS): those of socket activation, kept open for the program',
  ],
  [{ op: 'fchdir', directory: '/srv/jail' }, '0:0:0:', 'fchdir(/srv/jail): into the verified jail directory'],
  [{ op: 'chroot' }, '0:0:0:', 'chroot(.) CAP_SYS_CHROOT: the jail becomes the root directory'],
  [{ op: 'chdir', path: b('/a') }, '0:0:0:/a.', 'chdir(/a): working directory in the jail'],
  [
    { op: 'drop_bounding_set', keep: [] },
    '1:0:0:',
    'prctl(PR_CAPBSET_DROP all but none) CAP_SETPCAP: no capability can be gained any more',
  ],
  [
    { op: 'drop_bounding_set', keep: [10] },
    '0:400:0:',
    'prctl(PR_CAPBSET_DROP all but CAP_NET_BIND_SERVICE) CAP_SETPCAP: no capability can be gained any more',
  ],
  [{ op: 'clear_ambient' }, '0:0:0:', 'prctl(PR_CAP_AMBIENT_CLEAR_ALL): no ambient capabilities'],
  [{ op: 'securebits' }, '0:0:0:', 'prctl(PR_SET_SECUREBITS 0) CAP_SETPCAP: the usual rules for root'],
  [
    { op: 'seccomp', filter: b('12345678') },
    '1:0:0:12345678',
    'seccomp(1 instructions) CAP_SYS_ADMIN: no terminal injection, no kernel keyrings',
  ],
  [
    { op: 'seccomp', filter: b('12345678'), flags: 2, title: 'mine' },
    '0:2:0:12345678',
    'seccomp(1 instructions) CAP_SYS_ADMIN: mine',
  ],
  [
    { op: 'keep_capabilities' },
    '0:8:1:',
    'prctl(PR_SET_KEEPCAPS 1): permitted capabilities outlive setresuid',
  ],
  [{ op: 'setgroups', gids: [1] }, '0:0:0:01000000', 'setgroups(1) CAP_SETGID: supplementary groups'],
  [{ op: 'setresgid', gid: 29 }, '0:1d:0:', 'setresgid(29) CAP_SETGID: real, effective and saved gid'],
  [{ op: 'setresuid', uid: 30 }, '0:1e:0:', 'setresuid(30) CAP_SETUID: real, effective and saved uid'],
  [
    { op: 'capset', capabilities: [10] },
    '0:400:0:',
    'capset(CAP_NET_BIND_SERVICE): permitted and inheritable capabilities',
  ],
  [
    { op: 'capset', capabilities: [10], effective: true },
    '0:400:400:',
    'capset(CAP_NET_BIND_SERVICE): permitted and inheritable capabilities',
  ],
  [
    { op: 'raise_ambient', capabilities: [10] },
    '0:400:0:',
    'prctl(PR_CAP_AMBIENT_RAISE CAP_NET_BIND_SERVICE): capabilities that the program keeps',
  ],
  [{ op: 'no_new_privs' }, '1:26:1:', 'prctl(PR_SET_NO_NEW_PRIVS 1): set-user-ID programs give nothing'],
  [
    { op: 'parent_death_signal', signal: 0, parentPid: 0 },
    '4:0:0:',
    'prctl(PR_SET_PDEATHSIG 0): none that was set before',
  ],
  [
    { op: 'parent_death_signal', signal: 9, parentPid: 70 },
    '64:9:46:',
    'prctl(PR_SET_PDEATHSIG 9): ends with the starting process',
  ],
  [{ op: 'verify_uid', uid: 30 }, '0:1e:0:', 'getresuid(30): verify: real, effective, saved and fs uid'],
  [{ op: 'verify_gid', gid: 29 }, '0:1d:0:', 'getresgid(29): verify: real, effective, saved and fs gid'],
  [
    { op: 'verify_groups', gids: [1] },
    '0:0:0:0100000000000000',
    'getgroups(1): verify: exactly these groups',
  ],
  [
    { op: 'verify_capabilities', capabilities: [10] },
    '0:400:0:',
    'capget(CAP_NET_BIND_SERVICE): verify: no other capability in any set',
  ],
  [{ op: 'verify_no_way_back' }, '0:0:0:', 'setresuid(0): verify: regaining uid 0 fails'],
  [
    { op: 'verify_no_new_privs' },
    '2:0:0:',
    'prctl(PR_GET_NO_NEW_PRIVS): verify: set-user-ID programs give nothing',
  ],
  [{ op: 'verify_seccomp' }, '2:0:0:', 'prctl(PR_GET_SECCOMP): verify: a filter is in force'],
  [{ op: 'verify_seccomp', isOwn: true }, '0:0:0:', 'prctl(PR_GET_SECCOMP): verify: a filter is in force'],
  [
    { op: 'verify_cwd' },
    '0:0:0:',
    'getcwd(): verify: the jail is the root directory, and the working directory is in it',
  ],
  [
    { op: 'unshare', namespaces: ['pid'] },
    '0:20000000:1:',
    "unshare(pid) CAP_SYS_ADMIN: own namespace: nothing of the host's",
  ],
  [
    { op: 'unshare', namespaces: ['net', 'uts'], cloned: true, copies: true },
    '5120:44000000:0:',
    "unshare(net,uts) CAP_SYS_ADMIN: own namespaces: nothing of the host's",
  ],
  [
    { op: 'unshare', namespaces: ['mount', 'cgroup'] },
    '0:2020000:1:',
    "unshare(mount,cgroup) CAP_SYS_ADMIN: own namespaces: nothing of the host's",
  ],
  [
    { op: 'setns', namespaces: ['pid', 'ipc'] },
    '0:0:0:0000002000000008',
    'setns(pid,ipc) CAP_SYS_ADMIN: into namespaces that the open jail keeps',
  ],
  [
    { op: 'end_with_parent' },
    '0:9:0:',
    'prctl(PR_SET_PDEATHSIG 9): the jail ends with the process that started it',
  ],
  // what `nft list ruleset`, `ip address` and `ip route show table local` show of them
  [
    { op: 'outbound_routes', list: [] },
    [
      '0:0:0:',
      '28000000140001040000000000000000022002000100000008000200c612000108000100c61200012c00000018000104',
      '0000000000000000020f0000ff03fe020000000008000100c61200000800040001000000400000001400010400000000',
      '000000000a8002000100000014000200fd756368726f6f74000000000000000114000100fd756368726f6f7400000000',
      '00000001380000001800050400000000000000000a400000ff0300020000000014000100fd756368726f6f7400000000',
      '000000000800040001000000',
    ].join(''),
    'sendto(NETLINK_ROUTE) CAP_NET_ADMIN: addresses that stand for names; where the program may not call, there is no route',
  ],
  [
    { op: 'outbound_rules', list: [], port: 1, isNeeded: false },
    [
      '0:c:1:',
      '140000001000010000000000000000000000000a28000000000a01040000000000000000010000000c00010075636872',
      '6f6f7400080002000000000050000000030a01040000000000000000010000000c000100756368726f6f74000d000300',
      '6f7574626f756e640000000014000480080001000000000008000200ffffff6a0b00070066696c746572000058010000',
      '060a010c0000000000000000010000000c000100756368726f6f74000d0002006f7574626f756e640000000028010480',
      '24000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100636d7000',
      '20000280080001000000000108000200000000000c0003800500010002000000340001800c0001007061796c6f616400',
      '240002800800010000000001080002000000000108000300000000100800040000000004440001800c00010062697477',
      '69736500340002800800010000000001080002000000000108000300000000040c00048008000100ff0000000c000580',
      '08000100000000002c00018008000100636d700020000280080001000000000108000200000000000c00038008000100',
      '7f000000300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c00028008000100',
      '000000017c010000060a010c0000000000000000010000000c000100756368726f6f74000d0002006f7574626f756e64',
      '000000004c01048024000180090001006d6574610000000014000280080002000000000f08000100000000012c000180',
      '08000100636d700020000280080001000000000108000200000000000c000380050001000a000000340001800c000100',
      '7061796c6f6164002400028008000100000000010800020000000001080003000000001808000400000000105c000180',
      '0c00010062697477697365004c0002800800010000000001080002000000000108000300000000101800048014000100',
      'ffffffffffffffffffffffffffffffff1800058014000100000000000000000000000000000000003800018008000100',
      '636d70002c00028008000100000000010800020000000000180003801400010000000000000000000000000000000001',
      '300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000001',
      'c8010000060a010c0000000000000000010000000c000100756368726f6f74000d0002006f7574626f756e6400000000',
      '9801048024000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100',
      '636d700020000280080001000000000108000200000000000c000380050001000200000024000180090001006d657461',
      '0000000014000280080002000000001008000100000000012c00018008000100636d7000200002800800010000000001',
      '08000200000000000c0003800500010006000000340001800c0001007061796c6f616400240002800800010000000001',
      '080002000000000108000300000000100800040000000004440001800c00010062697477697365003400028008000100',
      '00000001080002000000000108000300000000040c00048008000100fffe00000c00058008000100000000002c000180',
      '08000100636d700020000280080001000000000108000200000000000c00038008000100c61200002c0001800e000100',
      '696d6d6564696174650000001800028008000100000000010c0002800600010000010000240001800b0001007470726f',
      '787900001400028008000100000000020800030000000001ec010000060a050c0000000000000000010000000c000100',
      '756368726f6f74000d0002006f7574626f756e6400000000bc01048024000180090001006d6574610000000014000280',
      '080002000000000f08000100000000012c00018008000100636d70002000028008000100000000010800020000000000',
      '0c000380050001000a00000024000180090001006d657461000000001400028008000200000000100800010000000001',
      '2c00018008000100636d700020000280080001000000000108000200000000000c000380050001000600000034000180',
      '0c0001007061796c6f616400240002800800010000000001080002000000000108000300000000180800040000000010',
      '5c0001800c00010062697477697365004c00028008000100000000010800020000000001080003000000001018000480',
      '14000100ffffffffffffffff000000000000000018000580140001000000000000000000000000000000000038000180',
      '08000100636d70002c000280080001000000000108000200000000001800038014000100fd756368726f6f7400000000',
      '000000002c0001800e000100696d6d6564696174650000001800028008000100000000010c0002800600010000010000',
      '240001800b0001007470726f7879000014000280080001000000000a0800030000000001140000001100010000000000',
      '000000000000000a',
    ].join(''),
    'sendto(nothing) CAP_NET_ADMIN: what the program may call: the service relays these, and nothing else',
  ],
  [
    { op: 'outbound_sockets', port: 1, instead: [443, 8443] },
    '0:0:0:0100010001000000020035000000000001003500000000000100bb01020000000100fb2002000000',
    'sendmsg(tcp 1, tcp and udp 53; without tproxy tcp 443,8443) CAP_NET_ADMIN: where the service answers; the program can use all other ports',
  ],
  [
    { op: 'listen_network', ports: [{ address: '::1', port: 8080, inside: 80 }] },
    '0:0:0:0200000000000000',
    'sendmsg([::1]:8080:80): the service listens at these ports of the host, and calls the last port of each in this network',
  ],
  [
    { op: 'unix_door', slot: 3, path: b('/run/app/s') },
    '0:3:0:',
    'bind(/run/app/s) CAP_SYS_ADMIN: a socket where the service answers, and connects the program to that of the host',
  ],
  [
    { op: 'text_file', text: 'nameserver 127.0.0.1\n' },
    `0:0:0:${b('nameserver 127.0.0.1\n\0').toString('hex')}`,
    'fsopen(nameserver 127.0.0.1) CAP_SYS_ADMIN: a file of its own, which nobody can change',
  ],
  [
    { op: 'cover_file', path: b('/etc/resolv.conf') },
    '0:0:0:/etc/resolv.conf.',
    'move_mount(/etc/resolv.conf) CAP_SYS_ADMIN: the file of its own, if the jail has one there',
  ],
  [{ op: 'loopback_up' }, '0:0:0:', 'ioctl(SIOCSIFFLAGS lo) CAP_NET_ADMIN: the network is lo alone'],
  [{ op: 'sethostname', name: 'jail' }, '0:0:0:jail', 'sethostname(jail) CAP_SYS_ADMIN: name of the host'],
  [
    { op: 'sysctl', path: 'a/b', value: '2' },
    '0:1:0:a/b.2',
    'write(a/b 2) CAP_SYS_ADMIN: files in memory cannot be executed (memfd_create(2))',
  ],
  [
    { op: 'not_dumpable' },
    '0:4:0:',
    'prctl(PR_SET_DUMPABLE 0): the program cannot read or trace this process',
  ],
  [
    { op: 'user_namespace', namespaces: ['pid'] },
    '0:30000000:0:',
    'unshare(user,pid): all privileges over its own namespaces, and none over the host',
  ],
  [
    { op: 'user_namespace', namespaces: ['net', 'uts'], cloned: true },
    '1024:54000000:0:',
    'unshare(user,net,uts): all privileges over its own namespaces, and none over the host',
  ],
  [
    { op: 'id_map', file: 'uid_map', value: '0 1000 1' },
    '0:0:0:/proc/self/uid_map.0 1000 1',
    'write(/proc/self/uid_map 0 1000 1): uid 0 is 1000 of the host, and no other is mapped',
  ],
  [
    { op: 'id_map', file: 'setgroups', value: 'deny' },
    '0:0:0:/proc/self/setgroups.deny',
    "write(/proc/self/setgroups deny): setgroups(2) is refused: the caller's supplementary groups stay",
  ],
  [
    { op: 'map_ids', kind: 'uids', map: [{ inside: 0, outside: 1000, count: 1 }] },
    '16384:0:0:/usr/bin/newuidmap.0.1000.1.',
    'execve(/usr/bin/newuidmap 0 1000 1): uid 0 is 1000 of the host',
  ],
  [
    {
      op: 'map_ids',
      kind: 'gids',
      map: [
        { inside: 0, outside: 1000, count: 1 },
        { inside: 1, outside: 100_000, count: 3 },
      ],
    },
    '16384:0:0:/usr/bin/newgidmap.0.1000.1.1.100000.3.',
    'execve(/usr/bin/newgidmap 0 1000 1 1 100000 3): gid 0 is 1000, 1 to 3 are 100000 to 100002 of the host',
  ],
  [{ op: 'reopen_jail' }, '0:0:0:', 'openat(.): the same directory, in the new mount namespace'],
  [
    { op: 'new_tree', slot: 3, type: 'tmpfs', flags: ['nosuid', 'nodev'] },
    '0:3:6:tmpfs.',
    "fsmount(tmpfs): a file system of its own, made while the host's is in sight",
  ],
  [
    { op: 'join_user_namespace', namespaces: ['pid'] },
    '33792:20000000:0:',
    'setns(user,pid): into the user namespace that the open jail keeps',
  ],
  [
    { op: 'open_namespaces' },
    '0:0:0:',
    'openat(/proc/self/ns): to open the new namespaces when /proc is out of sight',
  ],
  [
    { op: 'send_namespaces', names: ['user', 'net'] },
    '0:0:0:user.net.',
    'sendmsg(user,net): the service keeps them',
  ],
  [
    { op: 'open_tree', slot: 1, flags: ['nosuid'] },
    '0:1:2:',
    'open_tree(the jail nosuid) CAP_SYS_ADMIN: its own copy of the mounts of the jail',
  ],
  [
    { op: 'open_tree', slot: 2, source: b('/s'), isInJail: true, ifThere: true, flags: [] },
    '0:2:300000000:/s.',
    'open_tree(/s of the jail) CAP_SYS_ADMIN: to be mounted there with properties of its own, if it is there',
  ],
  [
    { op: 'open_tree', slot: 2, source: b('/s'), isInJail: true, flags: [] },
    '0:2:100000000:/s.',
    'open_tree(/s of the jail) CAP_SYS_ADMIN: to be mounted there with properties of its own',
  ],
  [
    {
      op: 'open_tree',
      slot: 2,
      source: b('/s'),
      isDirectory: true,
      flags: ['ro', 'nosuid', 'nodev', 'noexec'],
    },
    '0:2:f:/s/..',
    "open_tree(/s ro,nosuid,nodev,noexec) CAP_SYS_ADMIN: a tree of the host's, to be mounted below",
  ],
  [
    { op: 'pivot_root', slot: 1 },
    '0:1:0:',
    'pivot_root(the jail) CAP_SYS_ADMIN: the jail becomes the root directory, and all else is gone',
  ],
  [
    { op: 'pivot_root', slot: 1, overlay: { size: 4096, inodes: 50, flags: ['nodev'] } },
    '0:400000001:ffffffffffffffff:size.4096.nr_inodes.50..',
    'pivot_root(an overlay on the jail) CAP_SYS_ADMIN: the same, and what is written goes elsewhere',
  ],
  [
    { op: 'pivot_root', slot: 1, overlay: { size: 4096, inodes: 50, slot: 2, flags: [], rootless: true } },
    '0:1:2:size.4096.nr_inodes.50..',
    'pivot_root(an overlay on the jail) CAP_SYS_ADMIN: the same, and what is written goes elsewhere; in a jail of another user, directories can be written that the caller may write, three levels deep',
  ],
  [
    { op: 'move_mount', slot: 2, target: b('/t') },
    '0:2:0:/t.',
    'move_mount(/t) CAP_SYS_ADMIN: the tree appears there',
  ],
  [
    { op: 'move_mount', slot: 2, target: b('/t'), ifThere: true },
    '0:2:1:/t.',
    'move_mount(/t) CAP_SYS_ADMIN: the tree appears there',
  ],
  [
    { op: 'move_mount', slot: 2, target: b('/t'), ifThere: true, enters: true, noLinks: true },
    '0:2:7:/t.',
    'move_mount(/t) CAP_SYS_ADMIN: the tree appears there',
  ],
  [
    { op: 'move_mount', slot: 2, target: b('/t/u'), own: b('/t') },
    '0:2:200000008:/t/u.',
    'move_mount(/t/u) CAP_SYS_ADMIN: the tree appears there; what is missing for it is made',
  ],
  [
    { op: 'mount', type: 'proc', target: b('/t'), flags: [], options: '', own: b('/') },
    '0:0:8:proc./t..',
    'fsmount(proc on /t) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'mount', type: 'proc', target: b('/t'), flags: [], options: '', enters: true, noLinks: true },
    '0:0:6:proc./t..',
    'fsmount(proc on /t) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'mount', type: 'tmpfs', target: b('/t'), flags: ['noexec'], options: 'size=1' },
    '0:8:0:tmpfs./t.size.1..',
    'fsmount(tmpfs on /t noexec size=1) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'mount', type: 'proc', target: b('/t'), flags: [], options: '' },
    '0:0:0:proc./t..',
    'fsmount(proc on /t) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'mount', type: 'proc', target: b('/t'), flags: [], options: '', enters: true },
    '0:0:2:proc./t..',
    'fsmount(proc on /t) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'mount', type: 'tmpfs', target: b('/t/s'), flags: [], options: '', within: b('/t') },
    '0:0:0:tmpfs.s..',
    'fsmount(tmpfs on /t/s) CAP_SYS_ADMIN: a file system of its own',
  ],
  [
    { op: 'move_mount', slot: 2, target: b('/t'), enters: true },
    '0:2:2:/t.',
    'move_mount(/t) CAP_SYS_ADMIN: the tree appears there',
  ],
  [
    {
      op: 'bind_if_there',
      source: b('/t/m'),
      target: b('/t/k'),
      set: ['ro'],
      clear: [],
      within: b('/t'),
    },
    '0:1:0:m.k.',
    'mount_setattr(/t/m on /t/k ro) CAP_SYS_ADMIN: hides what is there, if it is',
  ],
  [
    { op: 'bind', source: b('/s'), target: b('/t'), set: ['ro'], clear: ['noexec'] },
    '0:1:8:/s./t.',
    'mount_setattr(/s on /t ro without noexec) CAP_SYS_ADMIN: a mount with properties of its own',
  ],
  [
    { op: 'bind_if_there', source: b('/s'), target: b('/t'), set: [], clear: [] },
    '0:0:0:/s./t.',
    'mount_setattr(/s on /t) CAP_SYS_ADMIN: hides what is there, if it is',
  ],
  [
    { op: 'bind_if_there', source: b('/t'), target: b('/t'), set: ['ro'], clear: [] },
    '0:1:0:/t./t.',
    'mount_setattr(/t ro) CAP_SYS_ADMIN: the same, if it is there',
  ],
  [
    { op: 'mkdir', path: b('/d'), mode: 0o755 },
    '0:1ed:0:/d.',
    'mkdir(/d): a directory, with those above it, unless they are there',
  ],
  [
    { op: 'mknod', path: b('/n'), mode: 0o20666, major: 1, minor: 3 },
    '0:21b6:103:/n.',
    'mknod(/n 1:3) CAP_MKNOD: a device',
  ],
  [{ op: 'mkfile', path: b('/f') }, '0:81b6:0:/f.', 'mknod(/f): an empty file'],
  [{ op: 'symlink', target: 'to', path: b('/l') }, '0:0:0:to./l.', 'symlink(/l to to): a link'],
  [{ op: 'lock_directory' }, '0:0:0:', 'flock(): no other launch writes to the same changes'],
  [
    { op: 'map_tree', slot: 3, fd: 256 },
    '0:3:100:',
    "mount_setattr() CAP_SYS_ADMIN: the owner's files are the user's",
  ],
  [
    { op: 'watch_space', path: b('/w') },
    '0:0:0:/w.',
    'fstatfs(/w): whether it is full is told when the program has ended',
  ],
  [
    { op: 'landlock_ruleset', abi: 6, tcp: ['bind', 'connect'] },
    '0:6:0:ffff00000000000003000000000000000300000000000000',
    'landlock_create_ruleset(ABI 6: files, abstract sockets, signals, bind, connect): a second wall: what no rule allows is refused',
  ],
  [
    { op: 'landlock_ruleset', abi: 6, tcp: [], socketsOnly: true, ifThere: true },
    '0:6:1:000000000000000000000000000000000100000000000000',
    'landlock_create_ruleset(ABI 6: abstract sockets): no abstract socket of the host is in reach, if the kernel can',
  ],
  [
    { op: 'landlock_ruleset', abi: 4, tcp: ['connect'] },
    '0:4:0:ff7f00000000000002000000000000000000000000000000',
    'landlock_create_ruleset(ABI 4: files, connect): a second wall: what no rule allows is refused',
  ],
  [
    { op: 'landlock_ruleset', abi: 2, tcp: [] },
    '0:2:0:ff3f00000000000000000000000000000000000000000000',
    'landlock_create_ruleset(ABI 2: files): a second wall: what no rule allows is refused',
  ],
  [
    { op: 'landlock_ruleset', abi: 1, tcp: [] },
    '0:1:0:ff1f00000000000000000000000000000000000000000000',
    'landlock_create_ruleset(ABI 1: files): a second wall: what no rule allows is refused',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'ro', abi: 6 },
    '0:d:0:/p.',
    'landlock_add_rule(/p): allow beneath it: read, execute',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'rw', abi: 6 },
    '0:77be:0:/p.',
    'landlock_add_rule(/p): allow beneath it: read, write',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'rw', abi: 1 },
    '0:17be:0:/p.',
    'landlock_add_rule(/p): allow beneath it: read, write',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'all', abi: 6 },
    '0:77bf:0:/p.',
    'landlock_add_rule(/p): allow beneath it: read, write, execute',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'dev', abi: 6 },
    '0:e:1:/p.',
    'landlock_add_rule(/p): allow beneath it: read, write, if it is there',
  ],
  [
    { op: 'landlock_path', path: b('/p'), access: 'tty', abi: 6 },
    '0:8000:1:/p.',
    'landlock_add_rule(/p): allow beneath it: ioctl, if it is there',
  ],
  [
    { op: 'landlock_ports', access: 'bind', ports: [80, 443] },
    '0:1:2:50000000bb010000',
    'landlock_add_rule(80,443): allow TCP: bind to these ports',
  ],
  [
    { op: 'landlock_restrict_self', verified: true },
    '0:1:0:',
    'landlock_restrict_self() CAP_SYS_ADMIN: the rules apply from here on',
  ],
  [
    { op: 'landlock_restrict_self', verified: true, ifThere: true },
    '0:1:1:',
    'landlock_restrict_self() CAP_SYS_ADMIN: the rules apply from here on',
  ],
  [
    { op: 'verify_landlock', ifThere: true },
    '0:0:1:',
    'sendto(an abstract socket from before): verify: the rules are in force',
  ],
  [
    { op: 'verify_landlock' },
    '0:0:0:',
    'sendto(an abstract socket from before): verify: the rules are in force',
  ],
  [
    { op: 'tcp_filter', filter: b('12345678') },
    '0:0:0:12345678',
    'seccomp(1 instructions) CAP_SYS_ADMIN: no way to TCP that Landlock does not see',
  ],
  [{ op: 'verify_tcp_filter' }, '0:1:0:', 'sendto(MSG_FASTOPEN): verify: that filter is in force'],
  [{ op: 'reset_signals' }, '0:0:0:', 'rt_sigaction(): default dispositions, nothing blocked'],
  [
    { op: 'reset_signals', ignoresPipe: true },
    '0:d:0:',
    'rt_sigaction(): default dispositions but SIGPIPE, which is ignored; nothing blocked',
  ],
  [{ op: 'write', fd: 5, bytes: b('x') }, '384:5:0:x', 'write(descriptor 5): status'],
  [
    {
      op: 'cgroup',
      limits: { memory: undefined, swap: undefined, pids: 5, cpu: undefined, ioWeight: undefined },
      lines: ['a', 'b'],
    },
    '8192:0:0:a.b.',
    'clone3(pids 5): limits of all its processes together, in a cgroup of its own',
  ],
  [
    { op: 'setrlimit', resource: 'nofile', limit: { soft: 5, hard: 6 }, mode: 'cap' },
    '0:7:3:05000000000000000600000000000000',
    'prlimit64(nofile soft at most 5 hard at most 6) CAP_SYS_RESOURCE: resource limit',
  ],
];

// The plan has a header of 16 bytes, one stage of 8 bytes, and a step of 24 bytes before its data.
function encoded(step: Step): string {
  const plan = encodePlan([[step]]);
  const data = plan.subarray(48, 48 + plan.readUInt32LE(28));
  const isText = data.every((byte) => byte === 0 || (byte >= 0x20 && byte < 0x7f));
  const shown = isText ? data.toString('latin1').replaceAll('\0', '.') : data.toString('hex');
  const numbers = [plan.readBigUInt64LE(32), plan.readBigUInt64LE(40)].map((number) => number.toString(16));
  return [plan.readUInt16LE(26), ...numbers, shown].join(':');
}

function described(step: Step): string {
  const { call, object = '', purpose, needs } = describeStep(step);
  return `${call}(${object})${needs === undefined ? '' : ` ${needs}`}: ${purpose}`;
}

t.test('each step but execve has an example here', async (t) => {
  const known = new Set<string>(['execve', ...rows.map(([{ op }]) => op)]);
  t.same(
    Object.keys(stepTable).filter((name) => !known.has(name)),
    [],
  );
});

t.test('the numbers and bytes of a step are those that the interpreter and the kernel expect', async (t) => {
  for (const [step, bytes] of rows) t.equal(encoded(step), bytes, step.op);
});

t.test(
  'a step is described by its call, what the call acts on, what it needs and what it is for',
  async (t) => {
    for (const [step, , text] of rows) t.equal(described(step), text, step.op);
  },
);

t.test('a step after the fork at the end of its stage has a flag of its own', async (t) => {
  t.match(encoded({ op: 'setresuid', uid: 30, afterFork: true }), /^2048:/);
});

t.test('a child that tries a plan has another parent than the program', async (t) => {
  const tried = (step: Step): Step | undefined => rowOf(step).rehearse?.(step, 5);
  t.match(tried({ op: 'parent_death_signal', signal: 9, parentPid: 70 }), { signal: 9, parentPid: 5 });
  t.match(tried({ op: 'parent_death_signal', signal: 0, parentPid: 0 }), { signal: 0, parentPid: 0 });
});
