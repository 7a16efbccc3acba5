// The receiver of a service's events.
import type { JailedProcess } from '../../launch/process/process.ts';
import type { Connection, EndedConnection } from './connection-entry.ts';
import type { IdleWatch } from '../idle-watch.ts';
import type { ListeningSocket } from '../listen/listening-socket.ts';
import type { Service } from '../service.ts';

export interface ServiceObserver {
  /** The live connections, each with its program once that runs. */
  readonly connections: Map<Connection, JailedProcess | undefined>;
  /** Watches connections with an idle limit. */
  readonly idle: IdleWatch;
  /** A program runs. The program of a wait service has these sockets. */
  readonly onStart: (program: JailedProcess, service: Service, sockets: readonly ListeningSocket[]) => void;
  readonly onEnd: (ended: EndedConnection, service: Service) => void;
  /** A place among the running programs may be free. */
  readonly onFree: (service: Service) => void;
  /** A problem of the service itself: a program that cannot be started, a lack of descriptors. */
  readonly onProblem: (problem: unknown, service: Service) => void;
}
