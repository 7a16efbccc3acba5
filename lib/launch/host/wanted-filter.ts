// The filter of system calls that a request asks for.
import type { NormalRequest } from '../request/request.ts';
import type { Filter } from '../seccomp/filter.ts';
import { isolateFilter } from '../seccomp/isolate-filter.ts';
import type { Account } from './account.ts';
import type { Caller } from './caller.ts';
import { launchFilter } from './launch-filter.ts';

/** Undefined for the small one. The compiler of filters is used only where it is needed. */
export function wantedFilter(
  request: NormalRequest,
  account: Account,
  { compiledFor = process.arch, refused }: Pick<Caller, 'compiledFor' | 'refused'>,
): Filter | undefined {
  const { isolate, allow, seccomp, noSetId, reportDenials } = request;
  const isDefault = isolate || seccomp !== undefined;
  if (
    (noSetId && !isDefault) ||
    allow.length > 0 ||
    seccomp?.file !== undefined ||
    seccomp?.isLog === true ||
    refused !== undefined ||
    reportDenials
  )
    return launchFilter(request, account, compiledFor, refused);
  return isDefault ? isolateFilter(compiledFor, noSetId) : undefined;
}
