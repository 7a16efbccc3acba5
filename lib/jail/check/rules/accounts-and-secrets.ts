// Rules about the accounts of the jail, and about secrets in it.

import { type BytePath, lastComponent, pathBytes, showPath } from '../../../binary/path.ts';
import { native } from '../../../native.ts';
import { quote } from '../../../quote.ts';
import { hashBytes } from '../../manifest/file-hash.ts';
import { type Found, inGroup } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { fieldsOf, GROUP, groupsOf, PASSWD, passwdOf, readText, SHADOW } from '../jail-accounts.ts';
import { type Entry, isOwn } from '../checked-entry.ts';
import { commandLine, copying, decision, hostPath } from '../remedies.ts';

// Each account is a question to the name service of the host, which may ask another machine.
const MOST = 2000;

const NOBODY = 65534;

export const accountsAndSecrets = inGroup('identity', [
  {
    id: 'uid-zero',
    severity: 'error',
    summary:
      'The /etc/passwd of the jail gives uid 0 to another account than root, or gives root another uid.',
    attack:
      'Whoever becomes that account in the jail, by su or by a service that drops to it, is root, and root leaves a jail ' +
      '(chroot(2), passwd(5)). Attackers leave such an account behind, often named toor.',
    remedy: 'userdel --prefix JAIL USER',
    isQuick: true,
    look: (jail) =>
      passwdOf(jail.root)
        .filter(({ name, uid }) => (uid === 0) !== (name === 'root'))
        .map(({ name, uid }) => ({
          path: PASSWD,
          message: `${quoteName(name)} is uid ${uid}`,
          remedy:
            name === 'root'
              ? commandLine('usermod', '--prefix', jail.directory, '--uid', '0', '--non-unique', 'root')
              : removing(name, jail),
        })),
  },
  {
    id: 'account-differs',
    severity: 'error',
    summary: 'A user or group of the jail has another number on the host, or its number another name.',
    attack:
      'Only numbers count: what sam writes in the jail belongs to somebody else on the host, and GNU chroot --userspec asks ' +
      'the jail which number sam has (passwd(5), group(5), chroot(1)).',
    remedy: '# give it the number of the host in JAIL/etc/passwd, and to its files in the jail as well',
    isQuick: true,
    look: function* look(jail): Generator<Found> {
      for (const { name, uid, gid } of passwdOf(jail.root).slice(0, MOST)) {
        const message = userDiffers(name, uid, gid);
        if (message !== undefined) yield differing(jail, PASSWD, message);
      }
      for (const { name, gid } of groupsOf(jail.root).slice(0, MOST)) {
        const message = groupDiffers(name, gid);
        if (message !== undefined) yield differing(jail, GROUP, `group ${message}`);
      }
    },
  },
  {
    id: 'password-hash',
    severity: 'error',
    summary: 'An account of the jail has the hash of a password, or needs none.',
    attack:
      'Whoever reads a hash can guess the password, and the same password may open the host; without a password everybody can ' +
      'become that account by su(1) (crypt(5), shadow(5), CWE-522). Nobody logs in by the passwd of a jail.',
    remedy: "sed -i 's/^USER:[^:]*:/USER:*:/' JAIL/etc/shadow",
    isQuick: true,
    look: function* look(jail): Generator<Found> {
      for (const path of [PASSWD, GROUP, ...SHADOW])
        for (const [name = '', password = ''] of fieldsOf(jail.root, path)) {
          const what = passwordOf(password, path === PASSWD || path === SHADOW[0]);
          if (what === undefined) continue;
          yield { path, message: `${quoteName(name)} has ${what}`, remedy: lockingOf(jail, path, name) };
        }
    },
  },
  {
    id: 'secret',
    severity: 'error',
    summary: 'There is a private key, a file with credentials, a shadow file or the history of a shell.',
    attack:
      'Whoever breaks into the service reads it, and with it opens something that is not jailed: other machines, a cloud ' +
      'account, the host itself (CWE-312, CWE-522).',
    covers: ['extra'],
    remedy:
      '# what the service needs comes from the host by name: uchroot-jail build DIRECTORY --copy HOST-FILE:FILE; else remove it',
    lookAt: (entry, jail) => {
      if (entry.kind !== 'file' || entry.sizeBytes === 0 || isMeant(entry)) return undefined;
      const what = secretOf(entry);
      if (what === undefined) return undefined;
      return {
        path: entry.path,
        message: `it is ${what}`,
        remedy: decision(
          `if the service needs it, bring it from the host by name (${copying(jail, entry.path)}); if not, remove it`,
        ),
        // whoever takes over the user can read his files in any case
        ...(isOwn(entry) && { severity: 'note' }),
      };
    },
  },
  {
    id: 'idle-account',
    severity: 'note',
    summary: 'An account of the jail owns nothing in it, and the jail was not built for it.',
    attack:
      'It tells an attacker which other accounts the host has, and each account is one more to become (passwd(5)). ' +
      'A jail only needs the names that its programs look up.',
    remedy: 'userdel --prefix JAIL USER',
    look: (jail) => {
      if (isAsBuilt(jail)) return [];
      const users = new Set([...(jail.manifest?.recipe.users ?? []), ...jail.users.map(({ name }) => name)]);
      return passwdOf(jail.root)
        .filter(
          ({ name, uid }) => uid !== 0 && uid !== NOBODY && !users.has(name) && !jail.seen.uids.has(uid),
        )
        .map(({ name, uid }) => ({
          path: PASSWD,
          message: `${quoteName(name)} (uid ${uid}) owns nothing in the jail, which was not built for it`,
          remedy: removing(name, jail),
        }));
    },
  },
]);

// Not --root: then userdel would load modules from the jail, as root (CVE-2019-14271).
function removing(name: string, { directory }: CheckedJail): string {
  return commandLine('userdel', '--prefix', directory, '--', name);
}

/** The name of an account, which may contain any byte. */
function quoteName(name: string): string {
  return quote(pathBytes(name as BytePath));
}

function differing(jail: CheckedJail, path: BytePath, message: string): Found {
  const at = showPath(hostPath(jail, path));
  return {
    path,
    message,
    remedy: decision(`give it the number of the host in ${at}, and to its files in the jail as well`),
  };
}

function userDiffers(name: string, uid: number, gid: number): string | undefined {
  const host = isName(name) ? native.getpwnam(pathBytes(name as BytePath)) : null;
  if (host !== null && (host.uid !== uid || host.gid !== gid))
    return `${quoteName(name)} is ${uid}:${gid} here, and ${host.uid}:${host.gid} on the host`;
  return host === null ? renamed(name, uid, (id) => native.getpwuid(id)) : undefined;
}

function groupDiffers(name: string, gid: number): string | undefined {
  const host = isName(name) ? native.getgrnam(pathBytes(name as BytePath)) : null;
  if (host !== null && host.gid !== gid)
    return `${quoteName(name)} is ${gid} here, and ${host.gid} on the host`;
  return host === null ? renamed(name, gid, (id) => native.getgrgid(id)) : undefined;
}

function renamed(
  name: string,
  id: number,
  ask: (id: number) => { readonly name: string } | null,
): string | undefined {
  // uid-zero finds a second root; 2^32-1 is no id (credentials(7))
  const host = id > 0 && id <= 0xfffffffe ? ask(id) : null;
  return host === null ? undefined : `${id} is ${quoteName(name)} here, and ${host.name} on the host`;
}

function isName(name: string): boolean {
  return name !== '' && !name.includes('\0');
}

// An empty field in passwd(5) and shadow(5) means that no password is needed; a group without one only has members. A locked hash,
// `!$6$…`, can be guessed as well.
function passwordOf(field: string, isOfUsers: boolean): string | undefined {
  if (field === '') return isOfUsers ? 'an empty password' : undefined;
  return /^(?:x|[*!]+|[*!]*LK[*!]*)$/.test(field) ? undefined : 'the hash of a password';
}

// By sed: usermod(8) and groupmod(8) change neither gshadow nor a second line of the same name. It writes a new file, and so only
// replaces a regular one.
function lockingOf(jail: CheckedJail, path: BytePath, name: string): string {
  const isPlain = /^[A-Za-z0-9_-]+$/.test(name) && jail.root.lstat(path)?.kind === 'file';
  const at = hostPath(jail, path);
  return isPlain
    ? commandLine('sed', '-i', `s/^${name}:[^:]*:/${name}:*:/`, at)
    : decision(`write * in the place of the password of ${quoteName(name)} in ${showPath(at)}`);
}

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/^\/etc\/g?shadow-?$/, 'a file of password hashes'],
  [
    /\/\.env(?:\.(?!example$|sample$|template$|dist$)[^/]*)?$/,
    'a file of settings, with passwords as a rule',
  ],
  [
    /\/\.(?:lesshst|(?:(?:[a-z]*sh|z|python|node_repl|psql|mysql|sqlite|irb|redis(?:cli)?|mongo|dbshell|perldb)_?)?hist(?:ory|file)?)$/,
    'the history of a shell',
  ],
  [
    /\/\.(?:netrc|pgpass|my\.cnf|git-credentials|npmrc|pypirc|vault-token|htpasswd|s3cfg|boto|smbcredentials|terraformrc)$/,
    'a file of credentials',
  ],
  [
    /\/\.(?:aws\/credentials|oci\/config|gem\/credentials|cargo\/credentials(?:\.toml)?|config\/gh\/hosts\.yml|config\/rclone\/rclone\.conf|docker\/config\.json|kube\/config|azure\/[^/]*\.json|config\/gcloud\/[^/]*\.(?:db|json))$/,
    'a file of credentials',
  ],
  [
    /\/(?:[^/]*\.(?:p12|pfx|jks|jceks|bcfks|keystore|ppk)|krb5\.keytab|[^/]*\.keytab|\.gnupg\/private-keys-v1\.d\/[^/]*|[^/]*\.kdbx|terraform\.tfstate)$/,
    'a file of keys',
  ],
];

const MAYBE_SECRET = /shadow|\.(?:keytab|kdbx|tfstate|p12|pfx|jks|jceks|bcfks|keystore|ppk)$/;

function secretOf({ path, isKey }: Entry): string | undefined {
  if (isKey) return 'a private key';
  // a quick test first: few files have such a name
  const name = lastComponent(path);
  if (!name.startsWith('.') && !path.includes('/.') && !MAYBE_SECRET.test(name)) return undefined;
  return SECRETS.find(([pattern]) => pattern.test(path))?.[1];
}

// A world-readable file of a package is in every copy of the package; a file that was copied by name is meant, if only root can
// read it.
function isMeant({ recorded, mode }: Entry): boolean {
  if (recorded === undefined) return false;
  if (recorded.reason.how === 'copied') return (mode & 0o077) === 0;
  return (mode & 0o004) !== 0;
}

function isAsBuilt({ manifest, root }: CheckedJail): boolean {
  const sha256 = manifest?.entries.find(({ path }) => path === PASSWD)?.sha256;
  return hashBytes(Buffer.from(readText(root, PASSWD), 'latin1')) === sha256;
}
