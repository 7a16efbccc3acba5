// Runs the blocks of a page in a machine, as a reader types them: an ordinary user with a checkout, who may use sudo(8).
import type { Test } from 'tap';

import { exampleOf, isExample } from './example.ts';
import { packageDirectory, type Ended } from './launch.ts';
import type { Machine } from './machine.ts';
import { readCommands, toPattern, type Block } from './page.ts';

const reader = 'reader';
const home = `/home/${reader}`;
const checkout = `${home}/uchroot`;

// nspawn has the package read-only. A copy of the machine's own for what a reader writes there: npm link, files of examples.
const prepare = `
set -e
[ -e /usr/bin/node ] || ln -s "$2" /usr/bin/node
# sudo warns about a host that it cannot resolve
getent hosts "$(uname -n)" >/dev/null || echo "127.0.1.1 $(uname -n)" >>/etc/hosts
useradd --create-home --uid 61500 ${reader}
mkdir ${checkout} /run/checkout
mount -t tmpfs none /run/checkout
mkdir /run/checkout/upper /run/checkout/work
mount -t overlay -o "lowerdir=$1,upperdir=/run/checkout/upper,workdir=/run/checkout/work" none ${checkout}
chown ${reader} ${checkout}
chmod 0700 ${home}
for command in uchroot uchroot-inetd uchroot-jail uchroot-service uchroot-tcpd; do
  ln -sf "${checkout}/dist/bin/$command.cjs" "/usr/local/bin/$command"
done
# nspawn makes it read-only, and isolated launches write to vm.memfd_noexec of their own pid namespace
mount -o remount,bind,rw /proc/sys
# limits of a host that has the controllers in version 1 alone
for controller in memory pids cpu; do
  ! grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers && mkdir -p "/run/cgroup/$controller" &&
    mount -t cgroup -o "$controller" none "/run/cgroup/$controller" || true
done
echo '${reader} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/${reader}
`;

/** Makes a booted machine one whose user has installed uchroot from a checkout. */
export function prepareReader(machine: Machine): void {
  const words = ['sh', '-c', prepare, 'sh', packageDirectory, process.execPath];
  const { status, stderr } = machine.run(words);
  if (status !== 0) throw new Error(`no reader: ${stderr}`);
}

const placeOf = ({ page, line }: Block): string => `${page}:${line}`;

// What goes on in the background does not keep the output open.
const typing =
  'out=$(mktemp); bash --norc -ec "$1" >"$out" 2>&1 </dev/null; status=$?; cat "$out"; exit $status';

// bash reads ~/.bashrc if its standard input is a socket, as here
const asRoot = (script: string): readonly string[] => [
  'env',
  '--chdir=/root',
  'bash',
  '--norc',
  '-c',
  typing,
  'bash',
  script,
];

// What an ordinary user types, in his checkout.
const asReader = (script: string): readonly string[] =>
  `setpriv --reuid ${reader} --regid ${reader} --init-groups env -i --chdir=${checkout} HOME=${home} USER=${reader} PATH=/usr/local/bin:/usr/bin:/bin bash --norc -c`
    .split(' ')
    .concat(typing, 'bash', script);

interface RunOptions {
  /** Whether a command of whose output the page shows nothing must print nothing. */
  readonly isExact?: boolean;
}

// The status of these is an answer: 3 is a service that does not run, 1 a client that is refused.
const answers = /^(?:systemctl status|uchroot-tcpd (?:match|check)|uchroot-jail (?:check|update)) /;

function runCommands(t: Test, machine: Machine, block: Block, { isExact = false }: RunOptions): void {
  const commands = readCommands(block.text);
  const isCompared = isExact || commands.some(({ shown }) => shown.length > 0);
  for (const { prompt, line, shown } of commands) {
    // what is seen on a terminal
    const { stdout, status } = machine.run(prompt === '#' ? asRoot(line) : asReader(line));
    if (isCompared) t.match(stdout, toPattern(shown), `${placeOf(block)}: ${line}`);
    if (!(isExact ? /^systemctl status / : answers).test(`${line} `))
      t.equal(status, 0, `${placeOf(block)}: status of: ${line}\n${stdout}`);
  }
}

function expectSuccess(t: Test, block: Block, { status, stdout, stderr }: Ended): void {
  t.equal(status, 0, `${placeOf(block)}\n${stdout}${stderr}`);
}

/** Runs one block. Its commands must succeed, and print what the page says that they print. */
export function runBlock(t: Test, machine: Machine, block: Block, options: RunOptions = {}): void {
  const { language, text, note } = block;
  const [, path] = /^file (\/\S+)$/.exec(note ?? '') ?? [];
  if (path !== undefined)
    expectSuccess(t, block, machine.run(['sh', '-c', 'cat >"$1"', 'sh', path], { input: text }));
  else if (language === 'console') runCommands(t, machine, block, options);
  else if (language === 'sh')
    expectSuccess(t, block, machine.run(note === 'as root' ? asRoot(text) : asReader(text)));
  else if (isExample(block)) {
    // a server goes on for ever: it ends after a moment, if it is still there
    const stop = /\.listen\(|serveInJail\(/.test(text)
      ? "--import 'data:text/javascript,setTimeout(process.exit,500)'"
      : '';
    const node = `node ${stop} ${exampleOf(block)} </dev/null`;
    const delegated = 'systemd-run --quiet --scope -p Delegate=yes';
    expectSuccess(
      t,
      block,
      machine.run(
        note === 'as an ordinary user'
          ? asReader(node.replace(packageDirectory, checkout))
          : asRoot(`${delegated} ${node}`),
      ),
    );
  }
}
