// Adopts, updates, reloads and releases a service in a booted machine. Commands are killed at random moments, or meet a full disk at random
// writes. After each command the service must be up. After each row of commands `release` must leave the host as it was, file by file.
//   npm run build && scripts/test test/service/adopt/bus-message.test.ts   (compiles the tests)
//   node scripts/soak-adopt.mjs [COMMANDS] [SEED]
const commands = Number(process.argv[2] ?? 500);
let seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
process.stdout.write(`seed ${seed}\n`);

/** From 0 up to `most` (a linear congruential generator, so that a seed gives the same commands). */
function random(most) {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return seed % most;
}

// not static imports: with the types of Node, the linter would judge all scripts by them
const { default: t } = await import(`${import.meta.dirname}/../dist/node_modules/tap/index.js`);
const { bootMachine } = await import(`${import.meta.dirname}/../dist/test/support/machine.js`);
t.setTimeout(0);
const machine = await bootMachine();
const shell = (line) => machine.shell(line).stdout.trim();
const place = '/var/lib/uchroot';
const units = '/etc/systemd/system';
// what is left of each on a full disk, at most, in KB; systemd needs some of /run itself
const disks = [
  [place, 3000],
  [units, 12],
  ['/run', 200],
];
const service = `${process.execPath} ${import.meta.dirname}/../dist/bin/uchroot-service.cjs`;

// A daemon of root with a configuration, a pid file, a socket in /run, and a library of its own.
machine.shell(`set -e
rm -rf ${place}
mkdir -p ${place} /srv/work /etc/soak /var/lib/soak
mount -t tmpfs -o size=60m none ${place}
cp -a ${units} /srv/units
mount -t tmpfs -o size=1m none ${units}
cp -a /srv/units/. ${units}/
mount -o remount,size=24m /run
cd /srv/work
for value in 1 2; do
  echo "int soak(void) { return $value; }" >library.c
  gcc -shared -Wl,-soname,libsoak.so -o library$value.so library.c
done
cp library1.so /usr/lib/libsoak.so
cat >soak.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int soak(void);
int main(int argc, char **argv) {
  int fd = argc < 2 ? -1 : open(argv[1], O_RDONLY);
  struct sockaddr_un at = {AF_UNIX, "/run/soak.sock"};
  FILE *pid = fopen("/run/soak.pid", "w");
  if (soak() == 0 || fd < 0 || pid == NULL) return 1;
  fprintf(pid, "%d\\n", getpid());
  fclose(pid);
  unlink(at.sun_path);
  int to = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(to, (void *)&at, sizeof at) != 0 || listen(to, 1) != 0) return 2;
  for (;;) pause();
}
END
gcc -o /usr/sbin/soak soak.c -L/usr/lib -lsoak
echo one >/etc/soak/soak.conf
cat >/etc/systemd/system/soak.service <<'END'
[Service]
Type=exec
ExecStart=/usr/sbin/soak /etc/soak/soak.conf
ExecStopPost=-/bin/rm -f /run/soak.pid /run/soak.sock
StateDirectory=soak
END
systemctl daemon-reload
systemctl start soak`);
await machine.until('systemctl is-active soak', /^active$/m);

// Names, owners, modes, links and contents, but for places of systemd, udev, packages and images: the files of the machine are those of this
// host, where others may work meanwhile.
const hostState = () =>
  shell(`cd /; find etc ${units.slice(1)} run var -xdev \\( -path run/systemd -o -path run/log -o -path run/udev -o -path var/log \
-o -path var/lib/systemd -o -path var/lib/dpkg -o -path var/lib/apt -o -path var/lib/containers -o -path var/cache -o -path var/tmp \\) -prune -o \
\\( -type f ! -name soak.pid -exec sha256sum {} + -o ! -type f -printf '%p %m %U:%G %y %l\\n' \\) 2>&1 | sort`);

const verbs = ['adopt', 'update', 'reload', 'release'];
const before = hostState();
const faults = [];
let done = 0;

function tell(fault) {
  faults.push(fault);
  process.stdout.write(`FAULT ${fault}\n`);
}

async function command(verb, index) {
  const words = `${service} ${verb} soak${verb === 'adopt' ? ' --watch 0.2' : ''}${random(3) > 0 && verb === 'adopt' ? ' --no-trial' : ''}`;
  shell(`cp --remove-destination /srv/work/library${1 + (index % 2)}.so /usr/lib/libsoak.so`);
  const kind = random(3);
  const longestMs = Number(shell('cat /srv/longest 2>/dev/null') || 3000);
  let told = 'to its end';
  const beganMs = performance.now();
  if (kind === 0) {
    const { status, stderr } = machine.shell(words);
    shell(`echo ${Math.round(performance.now() - beganMs)} >/srv/longest`);
    if (status !== 0 && !/is (not )?adopted|has no jail|has begun/.test(stderr))
      tell(`${index} ${verb}: ${stderr}`);
  } else if (kind === 1) {
    const ms = random(Math.min(longestMs, 20_000));
    told = `killed after ${ms} ms`;
    machine.shell(`timeout --signal KILL ${ms / 1000} ${words}`);
  } else {
    const [disk, most] = disks[random(disks.length)];
    const left = random(most);
    told = `${left} KB left in ${disk}`;
    shell(`dd if=/dev/zero of=${disk}/fill bs=4k; truncate -s -${left}K ${disk}/fill`);
    machine.shell(`timeout --signal KILL 60 ${words}`);
    shell(`rm -f ${disk}/fill`);
  }
  done += 1;
  try {
    // a restart that was asked for before the kill may still go on
    await machine.until('systemctl is-active soak', /^active$/m);
  } catch (error) {
    tell(
      `${index} ${verb}, ${told}: the service is down: ${error.message}\n${shell('journalctl -u soak -n 5 --no-pager')}`,
    );
    shell('systemctl restart soak');
  }
  process.stdout.write(`${index} ${verb} ${told}\n`);
}

try {
  while (done < commands) {
    for (let at = random(6) + 2; at > 0; at--) await command(verbs[random(verbs.length)], done);
    const { status, stderr } = machine.shell(`${service} release soak`);
    if (status !== 0 && !/is not adopted/.test(stderr)) tell(`${done} release: ${stderr}`);
    shell(`cp --remove-destination /srv/work/library1.so /usr/lib/libsoak.so`);
    const now = hostState();
    const names = new Set(before.split('\n'));
    const after = new Set(now.split('\n'));
    const added = [...after].filter((line) => !names.has(line));
    const lost = [...names].filter((line) => !after.has(line));
    if (added.length + lost.length > 0)
      tell(`${done} release left: +${added.slice(0, 20).join(' +')} -${lost.slice(0, 20).join(' -')}`);
  }
} finally {
  await machine.stop();
}
t.equal(faults.length, 0, `${done} commands, ${faults.length} faults`);
