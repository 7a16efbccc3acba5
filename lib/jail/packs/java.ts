// Java: the directory that a virtual machine lies in, of which its launcher is only the door.

import { type BytePath, parentPath } from '../../binary/path.ts';
import { attempt } from './check.ts';
import { ifAsked } from './compiled.ts';
import type { Pack, PackHost } from './pack.ts';

const LAUNCHER = /^(?:java|javac|jar|javap|javadoc|jshell|jlink|jdeps|keytool|jarsigner|rmiregistry)$/;

export const java: Pack = {
  name: 'java',
  summary: 'the virtual machine around java, with its class library',
  when: { executables: LAUNCHER, libraries: /^libjli\.so$/ },
  parts: (host) => [
    ...ifAsked(host, 'java'),
    ...homes(host).map((tree) => ({ tree, except: /\/(?:man|legal|demo|sample|docs|jmods|src\.zip)$/ })),
  ],
  check: (jail) =>
    attempt(jail, {
      program: /^java$/,
      args: ['-version'],
      files: ['/usr/lib/jvm/*/lib/modules', '/opt/*/lib/modules', '/usr/local/*/lib/modules'],
    }),
};

/** java.home of each: it has a class library, in one file since Java 9. */
function homes(host: PackHost): readonly BytePath[] {
  const above = host.executables(LAUNCHER).map((path) => parentPath(parentPath(path)));
  return [...new Set(above)].filter((path) =>
    ['lib/modules', 'lib/rt.jar', 'jre/lib/rt.jar'].some((name) => host.find(`${path}/${name}`).length > 0),
  );
}
