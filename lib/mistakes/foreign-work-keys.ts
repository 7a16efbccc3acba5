// Keys of requests about jails, rules and services, as other libraries and launches name them.
import { type Foreign, pairs } from '../words/nearest.ts';

/** For a key that a request about a jail or about rules does not have: the key that is meant, if it has that. */
export const foreignWorkKeys: Foreign = {
  ...pairs(`jail:directory root:directory dir:directory user:users program:programs command:programs
    commands:programs binaries:programs bins:programs executables:programs packageName:packages copy:copies
    file:path files:copies include:copies exclude:without overwrite:replace dryRun:plan from:template
    source:template src:template to:directory dest:directory destination:directory target:directory
    path:directory progress:onProgress cancelSignal:signal abortSignal:signal hostsAllow:allow
    allowFile:allow hostsDeny:deny denyFile:deny timeout:signal timeoutMs:signal`),
};

const place = 'leave it out: the place of the jail is given';

/** The same for a request about a service. */
export const foreignServiceKeys: Foreign = {
  service: 'unit',
  name: 'unit',
  directory: place,
  jail: place,
  root: place,
  ...pairs('program:programs bind:binds roBind:readOnlyBinds dryRun:plan'),
};

/** The same for serveInJail(): keys of net.Server and of rate limiters. */
export const foreignServeKeys: Foreign = {
  ...pairs(`port:listen address:listen host:listen socket:listen path:listen unix:listen
    maxConnections:instances concurrency:instances limit:instances max:instances perIp:perSource
    perClient:perSource maxPerSource:perSource rateLimit:rate idleTimeout:idleMs idleTimeoutMs:idleMs
    idle:idleMs mode:socketMode`),
  backlog: 'leave it out: the queue of the kernel is as long as it may be',
  tls: 'leave it out: the program gets the connection as it comes, and answers TLS itself',
};
