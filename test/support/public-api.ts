// The public API; its launches are isolated if those of the tests are.
import { types } from 'node:util';

import * as api from '../../lib/index.ts';
import { isolated } from './isolation.ts';

export * from '../../lib/index.ts';

// A copy, unless the request says itself whether it is isolated. Getters stay getters, and what is no request stays what it is.
function withIsolation<T>(request: T): T {
  if (typeof request !== 'object' || request === null || types.isProxy(request)) return request;
  return Object.defineProperties({ isolate: true }, Object.getOwnPropertyDescriptors(request)) as T;
}

// The cast keeps the overloads of the call.
const isolate = <Launch extends (request: never) => unknown>(launch: Launch): Launch =>
  isolated ? (((request: never) => launch(withIsolation(request))) as Launch) : launch;

export const spawnInJail = isolate(api.spawnInJail);
export const runInJail = isolate(api.runInJail);
export const execInJail = isolate(api.execInJail);
export const openJail: typeof api.openJail = isolated
  ? (directory, request?) => api.openJail(directory, withIsolation(request ?? {}))
  : api.openJail;
