// What an adoption or an update reports.
import type { Entry } from './adoption.ts';
import type { AdoptionRecord } from './adoption-record.ts';
import type { ServicePath } from './installed/service-paths.ts';

export interface AdoptReport {
  readonly unit: string;
  readonly directory: string;
  readonly user: string;
  /** Capabilities that the service keeps, without `cap_`. */
  readonly caps: readonly string[];
  /** Why this user. */
  readonly reason: string;
  /** Who enters the jail. */
  readonly entry: Entry;
  /** Why systemd enters it; undefined if the launcher does. */
  readonly entryReason: string | undefined;
  readonly paths: readonly ServicePath[];
  /** Paths of the host that the service can write. The exposure does not count them. */
  readonly writable: readonly string[];
  /** What the paths give away that `insecurePath` accepts: a sentence for each. */
  readonly givesAway: readonly string[];
  readonly dropIn: { readonly path: string; readonly text: string };
  /** Of `systemd-analyze security`, from 0 to 10; undefined if it cannot tell. */
  readonly exposure: AdoptionRecord['exposure'];
  /** How many tests of the configuration have run in the jail. */
  readonly checks: number;
  /** The service runs in the jail already. It does so from its next start on otherwise. */
  readonly isRunning: boolean;
  readonly files: number;
  readonly sizeBytes: number;
  /** False if an update had nothing to do: the service goes on in its jail, and was not restarted. */
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}
