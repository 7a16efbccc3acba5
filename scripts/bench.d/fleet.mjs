// The processes that measure: services of several sizes and the C floor. All live through a run and take orders one at a
// time, so that other load on the machine affects every row of the table alike.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// Mounts so many file systems where nobody else sees them, and becomes the program.
const crowd = `
  mount -t tmpfs none /mnt
  i=0; while [ $i -lt "$0" ]; do mkdir /mnt/$i; mount -t tmpfs none /mnt/$i; i=$((i + 1)); done
  exec "$@"`;

/** A Node service of at least `sizeMb`, idle until it is told to measure. */
export class Service {
  #child;
  #died;

  /**
   * @param setup {jail, user, original, sizeMb}: the jail, the user in it, the path of the C original. Or `script`, another
   *   program than service.mjs, and what it wants
   * @param mounts so many more mounts than the host has, in a mount namespace of its own
   * @param ids uid and gid of the service, if it is not root
   */
  static async start(setup, mounts = 0, ids = {}) {
    const service = new Service();
    const script = fileURLToPath(new URL(setup.script ?? 'service.mjs', import.meta.url));
    const options = { execArgv: ['--expose-gc'], ...ids };
    if (mounts > 0) {
      options.execPath = 'unshare';
      options.execArgv = ['--mount', 'sh', '-c', crowd, String(mounts), process.execPath, '--expose-gc'];
    }
    service.#child = fork(script, [JSON.stringify(setup)], options);
    service.#died = once(service.#child, 'exit').then(() => [{ error: 'a service has died' }]);
    await service.#reply();
    return service;
  }

  /** Carries out an order and resolves with its `count` results. */
  async measure(order) {
    this.#child.send(order);
    return (await this.#reply()).results;
  }

  async stop() {
    this.#child.disconnect();
    await this.#died;
  }

  async #reply() {
    const [reply] = await Promise.race([once(this.#child, 'message'), this.#died]);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }
}

/** The C program of floor.c; answers in milliseconds. */
export class Floor {
  #child;
  #lines;

  constructor(executable, jail, uid, gid, program) {
    this.#child = spawn(executable, [jail, String(uid), String(gid), program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #order(...words) {
    this.#child.stdin.write(`${words.join('\t')}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`floor: ${words.join(' ')} failed`);
    return value.split('\t').map(Number);
  }

  async latency(count) {
    return (await this.#order('latency', count)).map((ns) => ns / 1e6);
  }

  async command(count, argv) {
    return (await this.#order('command', count, ...argv)).map((ns) => ns / 1e6);
  }

  /** Launches a second. */
  async throughput(concurrency, durationMs) {
    const [launches, ns] = await this.#order('throughput', concurrency, durationMs);
    return (launches * 1e9) / ns;
  }

  async stop() {
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}
