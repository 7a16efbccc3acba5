// A service looks users and groups up for each launch: a change counts for the next launch. The service has its own /etc.
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import t, { type Test } from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { startService } from '../../support/service.ts';

const skip = unlessRoot('unshare');
const jail = skip === false ? makeJail(t, 'probe') : '';
const user = 'changing';

const passwd = (uid: number): string => `root:x:0:0::/root:/bin/sh\n${user}:x:${uid}:61130::/:/bin/sh\n`;
const group = (gid: number): string => `root:x:0:\nfirst:x:61130:\nmore:x:${gid}:${user}\n`;

interface Answer {
  readonly uid?: readonly number[];
  readonly groups?: readonly number[];
  readonly code?: string;
}

class Service {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: Test, nsswitch: string) {
    const directory = makeDirectory(t);
    mkdirSync(join(directory, 'upper'));
    const files = { passwd: passwd(61_130), group: group(61_132), 'nsswitch.conf': nsswitch };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'upper', name), text);
    // overlayfs does not accept a directory of another overlay.
    const layers = join(directory, 'layers');
    mkdirSync(layers);
    const script = `mount -t tmpfs tmpfs ${layers}
      mkdir ${layers}/work
      cp -r ${directory}/upper ${layers}
      mount -t overlay overlay -o lowerdir=/etc,upperdir=${layers}/upper,workdir=${layers}/work /etc
      exec "$@"`;
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

  /** A file of the service's /etc. */
  path(name: string): string {
    return `/proc/${this.#child.pid}/root/etc/${name}`;
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

const uidOf = ({ uid = [] }: Answer): number | undefined => uid[0];

t.test('a change of users and groups counts for the next launch', { skip }, async (t) => {
  for (const nsswitch of [
    'passwd: files\ngroup:\tfiles # local\n',
    'passwd: files systemd\ngroup: files\n',
  ]) {
    const service = new Service(t, nsswitch);
    t.equal(uidOf(await service.ask()), 61_130);
    t.equal(uidOf(await service.ask()), 61_130);
    // Changed in place, with the same size.
    writeFileSync(service.path('passwd'), passwd(61_133));
    t.equal(uidOf(await service.ask()), 61_133);
    writeFileSync(service.path('passwd'), passwd(61_134));
    t.equal(uidOf(await service.ask()), 61_134, 'at once again');
    // Replaced by rename, like vipw(8).
    writeFileSync(service.path('group.new'), group(61_135));
    renameSync(service.path('group.new'), service.path('group'));
    t.same((await service.ask()).groups, [61_130, 61_135]);
    writeFileSync(service.path('passwd'), 'root:x:0:0::/root:/bin/sh\n');
    t.match(await service.ask(), { code: 'ERR_UNKNOWN_USER' });
    writeFileSync(service.path('passwd'), passwd(61_136));
    t.equal(uidOf(await service.ask()), 61_136);
    service.end();
  }
});
