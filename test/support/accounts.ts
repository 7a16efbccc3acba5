// Accounts that only programs of a test see: in a new mount namespace, other files are mounted over /etc/passwd and
// /etc/group.
import { writeFileSync } from 'node:fs';

import { temporaryDirectory } from './launch.ts';

const passwd = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sam:x:1001:1001:Sam:/home/sam:/bin/sh
lonely:x:1002:1002::/home/lonely:/probe
admin:x:0:0::/root:/bin/sh
rooted:x:1003:0::/home/rooted:/bin/sh
wheel:x:1004:1004::/home/wheel:/bin/sh
1005:x:2005:2005::/home/digits:/bin/sh
noshell:x:1006:1006:::
sam.x:x:1007:1007::/:/bin/sh
`;

const group = `root:x:0:wheel
nogroup:x:65534:
sam:x:1001:
lonely:x:1002:
audio:x:29:sam
video:x:44:sam,wheel
users:x:100:
wheel:x:1004:
1100:x:2100:
`;

const script = `
for name in passwd group nsswitch.conf; do
  mount --bind "$0/$name" "/etc/$name" || exit 99
done
exec "$@"
`;

/** Words to put before a command: it and its children then see these accounts. Needs CAP_SYS_ADMIN. */
export function withAccounts(): readonly string[] {
  const directory = temporaryDirectory();
  writeFileSync(`${directory}/passwd`, passwd);
  writeFileSync(`${directory}/group`, group);
  writeFileSync(`${directory}/nsswitch.conf`, 'passwd: files\ngroup: files\n');
  return ['unshare', '--mount', 'sh', '-c', script, directory];
}
