// The results as a table for a terminal, and as doc/escapes.md.

const LETTERS = { user: 'u', root: 'r' };

const verdictOf = ({ verdicts }, name) => verdicts[name]?.verdict;

/** The launches in columns: one for each tool and level, in the order of the tools, without `none`. */
function columnsOf({ launches, tools }) {
  const columns = new Map();
  for (const launch of launches.filter(({ tool, failed }) => tool !== 'none' && failed === undefined)) {
    const { title, levels } = tools.find(({ name }) => name === launch.tool);
    const heading = levels[0] === 'default' ? title : launch.level;
    columns.set(heading, [...(columns.get(heading) ?? []), launch]);
  }
  return columns;
}

/** `u` and `r` for whom it broke; `–` where the kernel, or the tool, lacks it. */
function cell(launches, name) {
  const broken = launches
    .filter((launch) => verdictOf(launch, name) === 'broke')
    .map(({ as }) => LETTERS[as]);
  if (broken.length > 0) return broken.join(' ');
  return launches.every((launch) => verdictOf(launch, name) === 'lacks') ? '–' : '';
}

const line = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [line(head), line(head.map(() => ':--')), ...rows.map(line)].join('\n');

/** How many rows broke, were held, and were not possible. */
function count(launch, rows) {
  const of = (verdict) => rows.filter(({ name }) => verdictOf(launch, name) === verdict).length;
  return [of('broke'), of('held'), of('lacks')];
}

/** For a terminal: each launch with its figures, and each row that broke with the reason. */
export function toTable({ launches, rows }, isLong) {
  const blocks = launches.map((launch) => {
    const { tool, level, as, failed, verdicts } = launch;
    const name = [tool, level, as].join(':');
    if (failed !== undefined) return `${name}: ${failed}`;
    const [broke, held, lacks] = count(launch, rows);
    const shown = rows.filter((row) => isLong || ['broke', 'error'].includes(verdictOf(launch, row.name)));
    return [
      `${name}: ${broke} broke, ${held} held, ${lacks} not possible here`,
      ...shown.map(
        (row) =>
          `  ${verdicts[row.name]?.verdict.padEnd(5)} ${row.name} (${row.what}; ${row.source}): ${verdicts[row.name]?.reason}`,
      ),
    ].join('\n');
  });
  return blocks.join('\n');
}

/** Our misses with namespaces: the reason for each, and the option that closes it. */
const NOTES = {
  'mount-names': 'Names only. Every mount says which directory of its file system it shows.',
  watches: 'The kernel counts them for each user. Give each jail a uid of its own (USER `auto`).',
  'kill-group':
    'With a terminal on 0 to 2 the program stays in the process group, so that Ctrl-Z works. `--new-session` or `--pty` closes it.',
  'priority-of-group': 'The same.',
  'priority-of-session': 'The same.',
  'map-written':
    'By default the jail can be written and executed. `--read-only` with `--tmpfs DEST:noexec` closes it.',
  'execute-memory': 'Only root of the host can set `vm.memfd_noexec` (proc_sys_vm(5)).',
  'programs-of-jail': 'Root inside owns the files of the jail. `--read-only` or `--ephemeral` closes it.',
  'kept-group':
    'The kernel does not let an ordinary user give up his groups. With `--map-auto` they are given up.',
  'null-lock': 'An ordinary user can make no device, so `--dev` shows that of the host.',
  'watch-shared-file': 'The same device as for `null-lock`.',
  'host-name-seen': 'The name only: it is copied into the namespace.',
  'signal-by-typing':
    'Without `--landlock-abi any`, which `--untrusted` has. `--pty` or `--new-session` with 0 to 2 redirected closes it too.',
  core: 'The soft limit is 0. `--rlimit core=0` sets the hard one.',
  processes: 'By itself the limit is 4096: `--pids` sets another.',
  'open-files': 'By itself the limit is 4096: `--rlimit nofile=N` sets another.',
  disk: 'No limit by itself: `--tmpfs DEST:size=N`, `--ephemeral`.',
  memory: 'No limit by itself: `--memory`.',
};
const TERMINAL = 'The terminal of the caller is on descriptor 2. `--pty` gives the program one of its own.';

const isStrong = ({ level }) => /isolate|untrusted|rootless/.test(level);

function misses({ launches, rows }) {
  const ours = launches.filter(({ tool, failed }) => tool.startsWith('uchroot') && failed === undefined);
  const strong = ours.filter(isStrong);
  return table(
    ['row', 'the program', 'broke at', 'host afterwards, or what the row saw', 'why, and what closes it'],
    rows.flatMap(({ name, what, subject }) => {
      const broken = strong.filter((launch) => verdictOf(launch, name) === 'broke');
      if (broken.length === 0) return [];
      const levels = [...new Set(broken.map(({ level }) => level))].map(
        (level) =>
          `${level} (${broken
            .filter((launch) => launch.level === level)
            .map(({ as }) => LETTERS[as])
            .join(' ')})`,
      );
      const note = NOTES[name] ?? (subject === 'terminals' ? TERMINAL : '**new: not explained yet**');
      return [
        [
          `\`${name}\``,
          what,
          levels.join(', '),
          broken[0].verdicts[name].reason.replaceAll('/srv/escape', ''),
          note,
        ],
      ];
    }),
  );
}

/** What a break of the rows of a subject means. */
const SUBJECTS = {
  devices: 'A device file is a way to the hardware: a disk of the host has all of its files.',
  files:
    'The program reads or changes files of the host, or leaves something in the jail that the next program, or another user, meets.',
  ids: 'The program has more rights than its user: a capability, a group, or another user.',
  ipc: 'The program reads or changes memory, messages and keys of other programs of its user.',
  kernel:
    'The program changes a setting of the kernel, which all share, or reaches a part of the kernel in which escapes have begun.',
  namespaces:
    'The program changes what is mounted, or makes a namespace in which it has capabilities, with which more of the kernel can be attacked.',
  network: 'The program reaches services that trust local clients, or hears what they say.',
  processes:
    'The program ends, slows, reads or takes over other programs of its user, or goes on after its launch.',
  resources: 'The program takes the memory, processes, files or time of all others.',
  traps: 'The launcher itself is led astray by what is in the root directory, before the program starts.',
  terminals: 'The program types into the terminal of its caller, or reads and spoils what is typed there.',
};

/** doc/escapes.md. */
export function toPage(result) {
  const { rows, tools, launches, date, kernel } = result;
  const columns = columnsOf(result);
  const there = tools.filter(({ name, isThere }) => isThere && name !== 'none');
  const planted = launches.filter(({ tool }) => tool === 'none');
  const absent = rows.filter(({ name }) => !planted.some((launch) => verdictOf(launch, name) === 'broke'));
  const sum = (launch) => count(launch, rows).join(' / ');
  return `# Escapes

<!-- written by scripts/escape --page: change scripts/escape.d/page.mjs, not this page -->

\`scripts/escape\` starts one program in a jail by uchroot, at each of its levels, and by other launchers. The program makes ${rows.length} attempts,
each in a process of its own or by a launch of its own, as an ordinary user and as root inside. This page shows what they achieved on ${date}, on Linux ${kernel}, with
${[...new Set(there.map(({ title, version }) => `${title} (${version})`))].join(', ')}.

A table of marks is no ranking. A launcher does what its options say, and each was started with the options in
[scripts/escape.d/tools](../scripts/escape.d/tools): add yours, and see. All of them share the kernel with the host, and no row here is a bug of the kernel.

## How a row gets its verdict

Each launch has a machine of its own: namespaces, with a copy of the root directory in memory. In it are secrets, services, a process of the
jailed program's user, a terminal, and what a careless caller leaves open. A row **broke** if

- the program read a secret that is on the host only,
- the host looks different afterwards: a file, a signal that a process got, a priority, an interface, a message that is gone; or
- the program has what the row is about, such as an open device or a mount, and says so.

It was **held** if a call failed, with the error as the reason, or if the call succeeded and the host is as before. It is **not possible here** (–)
if it does not break without a jail either, because the kernel lacks the part, or if the row means nothing for that user. A row that breaks
nowhere is no row: test/escapes.root.test.ts runs all of them without a jail, where they must break, and at our levels.

## Our misses

Rows that broke at the levels with namespaces. u: as an ordinary user, r: as root inside.

${misses(result)}

The levels plain and landlock have no namespaces: they share processes, network and IPC with the host, as
[SECURITY.md](../SECURITY.md#what-a-chroot-does-not-protect) says. Their breaks are in the table of all rows. \`untrusted=rootless\` was run in
cgroups of the user's own, which its limits need.

## All launches

Broke / held / not possible here, of ${rows.length} rows.

${table(
  ['launcher', 'version', 'as an ordinary user', 'as root inside'],
  [...columns].map(([heading, of]) => {
    const tool = tools.find(({ name }) => name === of[0].tool);
    const figures = (as) => of.filter((launch) => launch.as === as).map(sum)[0] ?? 'cannot';
    return [
      tool.title === heading ? heading : `${tool.title}, ${heading}`,
      tool.version,
      figures('user'),
      figures('root'),
    ];
  }),
)}

## All rows
${Object.keys(SUBJECTS)
  .map((subject) => {
    const own = rows.filter((row) => row.subject === subject);
    return `\n### ${subject}\n\n${SUBJECTS[subject]}\n\n${table(
      ['row', 'the program', 'source', ...columns.keys()],
      own.map((row) =>
        [`\`${row.name}\``, row.what, row.source].concat(
          [...columns.values()].map((of) => cell(of, row.name)),
        ),
      ),
    )}`;
  })
  .join('\n')}

${absent.length === 0 ? '' : `Not possible on this kernel: ${absent.map(({ name }) => `\`${name}\``).join(', ')}.\n\n`}## Your own launcher, and your own row

A launcher is a file in \`scripts/escape.d/tools\`. Its head says how to find the version and which levels there are; the rest is a script of sh(1) that
root runs in the machine. It must start \`/escape "$@"\` with the root directory \`$JAIL\`: as the user \`$ID\` if \`$AS\` is \`user\`, else as root inside.

    # title: unshare and chroot
    # version: unshare --version
    as=$ID
    [ "$AS" = user ] || as=0
    exec unshare --mount --pid --net --ipc --uts --fork \\
      chroot --userspec="$as:$as" "$JAIL" /escape "$@"

A line \`# traps: LEVEL:user ...\` in the head names the launches that meet the traps (scripts/escape.d/traps.mjs), if not all do.

A row is a function in \`scripts/escape.d/rows\`: its name, what the program tries, the source, and the attempt. It ends with a function of row.h:
\`got\` (what it read), \`did\` (the host shows whether it worked), \`broke\`, \`held\` or \`lacks\`. \`scripts/escape none --row NAME\` must say that it broke.

<!-- not run: takes minutes, and needs the other launchers -->

\`\`\`sh
scripts/escape                              # everything that is installed
scripts/escape uchroot:untrusted --long     # each row with its reason
scripts/escape --json /tmp/verdicts.json
\`\`\`
`;
}
