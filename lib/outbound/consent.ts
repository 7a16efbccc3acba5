// What a service says about connections that no entry allows. Each name, or address, and port is asked about once for each launch.
import { mostNames } from './fake-address.ts';

/** A connection that no entry allows. A name is not looked up before it is allowed: the question alone could carry data out. */
export interface WantedConnection {
  /** The name that the program has called. */
  readonly name?: string;
  /** The address that it has called in numbers. */
  readonly address?: string;
  readonly port: number;
}

/** Says whether the program may call it: `true`, or a promise of `true`. */
export type OnConnect = (wanted: WantedConnection) => boolean | PromiseLike<boolean>;

const mostSeconds = 30;

export class Consent {
  readonly #onConnect: OnConnect;
  readonly #answers = new Map<string, Promise<string | undefined>>();

  constructor(onConnect: OnConnect) {
    this.#onConnect = onConnect;
  }

  /** Why the service does not allow a connection; undefined if it does. */
  reasonAgainst(wanted: WantedConnection): Promise<string | undefined> {
    const key = `${wanted.name ?? wanted.address} ${wanted.port}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    if (this.#answers.size >= mostNames) return Promise.resolve('the program has called too many names');
    const answer = this.#ask(wanted);
    this.#answers.set(key, answer);
    return answer;
  }

  async #ask(wanted: WantedConnection): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(
        () => resolve(`onConnect has not answered within ${mostSeconds} seconds`),
        mostSeconds * 1000,
      );
      // the launch itself keeps its service alive
      timer.unref();
    });
    const asked = async (): Promise<string | undefined> =>
      // a caller of JavaScript can answer anything
      ((await this.#onConnect(wanted)) as unknown) === true ? undefined : 'onConnect does not allow it';
    try {
      return await Promise.race([asked(), late]);
    } catch (error) {
      const said = error instanceof Error ? error.message : error;
      return `onConnect has failed: ${typeof said === 'string' ? said : 'it has thrown no Error'}`;
    } finally {
      clearTimeout(timer);
    }
  }
}
