// Users and groups are not asked for again while the files that they stand in are what they were, and never longer: in a
// service with an /etc of its own.
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { makeDirectory } from '../support/builder.ts';
import { makeJail } from '../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { startService } from '../support/service.ts';

const skip = unlessRoot() || unlessInstalled('strace', 'unshare');
const jail = skip === false ? makeJail(t, 'probe') : '';
const user = 'changing';

const passwd = (uid: number): string => `root:x:0:0::/root:/bin/sh\n${user}:x:${uid}:61131::/:/bin/sh\n`;
const group = (gid: number): string => `root:x:0:\nfirst:x:61131:\nmore:x:${gid}:${user}\n`;

interface Answer {
  readonly uid?: readonly number[];
  readonly groups?: readonly number[];
  readonly code?: string;
}

class Service {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #log: string;

  /** Its files are some seconds old: of younger ones the status does not tell enough. */
  constructor(t: Test, nsswitch: string) {
    const directory = makeDirectory(t);
    mkdirSync(join(directory, 'upper'));
    const files = { passwd: passwd(61_131), group: group(61_132), 'nsswitch.conf': nsswitch };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'upper', name), text);
    // an overlay takes no directory of another overlay
    const layers = join(directory, 'layers');
    mkdirSync(layers);
    this.#log = join(directory, 'log');
    const script = `mount -t tmpfs tmpfs ${layers}
      mkdir ${layers}/work
      cp -r ${directory}/upper ${layers}
      mount -t overlay overlay -o lowerdir=/etc,upperdir=${layers}/upper,workdir=${layers}/work /etc
      sleep 3
      exec strace -f --seccomp-bpf -qq -o ${this.#log} -e trace=openat "$@"`;
    this.#child = startService(
      'repeated',
      { user, jail, program: '/probe', args: ['state'] },
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        wrapper: ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh'],
      },
    );
    t.teardown(() => this.#child.kill('SIGKILL'));
    this.#lines = createInterface({ input: this.#child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  }

  async ask(): Promise<Answer> {
    this.#child.stdin?.write('\n');
    return JSON.parse(String((await this.#lines.next()).value)) as Answer;
  }

  /** A file of its /etc. */
  path(name: string): string {
    return `/proc/${this.#child.pid}/root/etc/${name}`;
  }

  /** How often it has opened the files of users and groups. */
  get readings(): number {
    return readFileSync(this.#log, 'utf8').match(/"\/etc\/(?:passwd|group)"/g)?.length ?? 0;
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

const uidOf = ({ uid = [] }: Answer): number | undefined => uid[0];

t.test('where only files are asked, they are read again when they have changed', { skip }, async (t) => {
  const service = new Service(t, 'passwd: files\ngroup:\tfiles # local\nhosts: files dns\n');
  t.equal(uidOf(await service.ask()), 61_131);
  const readings = service.readings;
  t.ok(readings > 0);
  for (let i = 0; i < 5; i++) await service.ask();
  t.equal(service.readings, readings, 'and only then');

  // in place, of the same size
  writeFileSync(service.path('passwd'), passwd(61_133));
  t.equal(uidOf(await service.ask()), 61_133);
  writeFileSync(service.path('passwd'), passwd(61_134));
  t.equal(uidOf(await service.ask()), 61_134, 'at once again');
  // as vipw(8) does it
  writeFileSync(service.path('group.new'), group(61_135));
  renameSync(service.path('group.new'), service.path('group'));
  t.same((await service.ask()).groups, [61_131, 61_135]);

  await setTimeout(3_100);
  await service.ask();
  const later = service.readings;
  for (let i = 0; i < 5; i++) await service.ask();
  t.equal(service.readings, later, 'what has settled is not read again');
  writeFileSync(service.path('passwd'), 'root:x:0:0::/root:/bin/sh\n');
  t.match(await service.ask(), { code: 'ERR_UNKNOWN_USER' });
  writeFileSync(service.path('passwd'), passwd(61_136));
  t.equal(uidOf(await service.ask()), 61_136);
  service.end();
});

t.test('where anything else may be asked too, or might be, it is asked each time', { skip }, async (t) => {
  const services = [
    'passwd: files systemd\ngroup: files\n',
    'passwd: files\ngroup: files [SUCCESS=merge] files\n',
    'passwd: files\ngroup: files\ninitgroups: files nis\n',
    'passwd: files\n',
  ].map((nsswitch) => [nsswitch, new Service(t, nsswitch)] as const);
  for (const [nsswitch, service] of services) {
    await service.ask();
    for (let i = 0; i < 3; i++) {
      const readings = service.readings;
      t.equal(uidOf(await service.ask()), 61_131);
      t.ok(service.readings > readings, JSON.stringify(nsswitch));
    }
    service.end();
  }
});
