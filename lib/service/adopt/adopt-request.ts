// The request for an adoption, and what of it an update asks for again.
import { UsageError } from '../../errors.ts';
import { checkList } from '../../jail/request/jail-request.ts';
import type { AdoptionWishes } from './adoption-record.ts';
import type { ServiceWork } from './service-request.ts';
import { toNamedPath } from './tell/named-path.ts';

export interface AdoptRequest extends ServiceWork {
  /** Start a service of root's as this account, or as `root` of its jail. */
  readonly user?: string | undefined;
  /** Further paths of the host that the service sees in its jail, at the same place. */
  readonly binds?: readonly string[] | undefined;
  /** The same, and the service cannot write there. */
  readonly readOnlyBinds?: readonly string[] | undefined;
  /** Accepts binds, and mounts of the unit, that give the host away: `givesAway` of the report says what. */
  readonly insecurePath?: boolean | undefined;
  /** Further programs of the host that the service starts, such as scripts that its configuration names. */
  readonly programs?: readonly string[] | undefined;
  /**
   * How long the service must run after a start to have come up, from 100 to 600000. By default 1000 if it tells systemd when it is
   * ready, else 5000. Updates and reloads use it too.
   */
  readonly watchMs?: number | undefined;
  /** Changes nothing: the report says what would be done. */
  readonly plan?: boolean | undefined;
}

/** @throws UsageError */
export function wishesOf(request: AdoptRequest): AdoptionWishes {
  const { user, binds = [], readOnlyBinds = [], programs = [], watchMs, insecurePath } = request;
  if (watchMs !== undefined && !(Number.isInteger(watchMs) && watchMs >= 100 && watchMs <= 600_000))
    throw new UsageError('watchMs must be an integer from 100 to 600000', { hint: 'write watchMs: 5000' });
  if (user !== undefined && (typeof user !== 'string' || !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(user)))
    throw new UsageError('user must be the name of an account', { hint: "write user: 'NAME'" });
  if (insecurePath !== undefined && typeof insecurePath !== 'boolean')
    throw new UsageError('insecurePath must be true or false', { hint: 'write insecurePath: true' });
  for (const [key, list] of Object.entries({ binds, readOnlyBinds, programs }))
    checkList(list, key, () => {});
  const paths = [
    ...binds.map((path) => toNamedPath(path, false)),
    ...readOnlyBinds.map((path) => toNamedPath(path, true)),
  ];
  return {
    user,
    paths,
    programs: programs.map((path) => toNamedPath(path, true).path),
    watchMs,
    ...(insecurePath === true ? { insecurePath } : {}),
  };
}
