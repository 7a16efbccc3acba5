// Rules about the accounts of the jail, and about secrets in it. Account files are read as one character a byte.

import { type BytePath, bytePath, lastComponent, pathBytes, showPath, toLatin1 } from '../../../tree/path.ts';
import type { FileRoot } from '../../../tree/root.ts';
import { type Group, native, type Passwd } from '../../../native.ts';
import { quote } from '../../../words/quote.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { unless } from '../../../words/system-error.ts';
import { withRegular } from '../../manifest/file-hash.ts';
import { errorRule, inGroup } from '../check-rule.ts';
import { type Entry, isOwn } from '../checked-entry.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { decision, hostPath } from '../remedies.ts';

// Each account is a question to the name service of the host, which may ask another machine.
const MOST = 2000;

export const accountsAndSecrets = inGroup('identity', [
  errorRule('uid-zero', {
    summary:
      'The /etc/passwd of the jail gives uid 0 to another account than root, or gives root another uid.',
    attack:
      'Whoever becomes that account in the jail, by su or by a service that drops to it, is root, and root leaves a jail ' +
      '(chroot(2), passwd(5)). Attackers leave such an account behind, often named toor.',
    remedy: 'userdel --prefix JAIL USER',
    isQuick: true,
    *look(jail) {
      const usermod = ['usermod', '--prefix', jail.directory, '--uid', '0', '--non-unique', 'root'];
      for (const { name, uid } of passwdOf(jail.root)) {
        if ((uid === 0) === (name === 'root')) continue;
        const remedy = name === 'root' ? commandLine(...usermod) : removing(name, jail);
        yield { path: PASSWD, message: `${quoteName(name)} is uid ${uid}`, remedy };
      }
    },
  }),
  errorRule('account-differs', {
    summary: 'A user or group of the jail has another number on the host, or its number another name.',
    attack:
      'Only numbers count: what sam writes in the jail belongs to somebody else on the host, and GNU chroot --userspec asks ' +
      'the jail which number sam has (passwd(5), group(5), chroot(1)).',
    remedy: '# give it the number of the host in FILE, and to its files in the jail as well',
    isQuick: true,
    *look(jail) {
      const users = passwdOf(jail.root)
        .slice(0, MOST)
        .map((user) => [PASSWD, userDiffers(user)] as const);
      const groups = groupsOf(jail.root)
        .slice(0, MOST)
        .map((group) => [GROUP, groupDiffers(group)] as const);
      for (const [path, message] of [...users, ...groups]) if (message !== undefined) yield { path, message };
    },
  }),
  errorRule('password-hash', {
    summary: 'An account of the jail has the hash of a password, or needs none.',
    attack:
      'Whoever reads a hash can guess the password, and the same password may open the host; without a password everybody can ' +
      'become that account by su(1) (crypt(5), shadow(5), CWE-522). Nobody logs in by the passwd of a jail.',
    remedy: "sed -i 's/^USER:[^:]*:/USER:*:/' JAIL/etc/shadow",
    isQuick: true,
    *look(jail) {
      for (const path of [PASSWD, GROUP, ...SHADOW])
        for (const [name = '', password = ''] of fieldsOf(jail.root, path)) {
          const what = passwordOf(password, path === PASSWD || path === SHADOW[0]);
          if (what === undefined) continue;
          yield { path, message: `${quoteName(name)} has ${what}`, remedy: lockingOf(jail, path, name) };
        }
    },
  }),
  errorRule('secret', {
    summary: 'There is a private key, a file with credentials, a shadow file or the history of a shell.',
    attack:
      'Whoever breaks into the service reads it, and with it opens something that is not jailed: other machines, a cloud ' +
      'account, the host itself (CWE-312, CWE-522).',
    covers: ['extra'],
    remedy:
      '# if the service needs it, bring it from the host by name (uchroot-jail build JAIL --copy HOST-FILE:PATH); if not, remove it',
    lookAt: (entry) => {
      if (entry.kind !== 'file' || entry.sizeBytes === 0 || isMeant(entry)) return undefined;
      const what = secretOf(entry);
      if (what === undefined) return undefined;
      return {
        message: `it is ${what}`,
        // a person who takes over the user can read his files in any case
        ...(isOwn(entry) && { severity: 'note' }),
      };
    },
  }),
]);

// Not --root: then userdel would load modules from the jail, as root (CVE-2019-14271).
function removing(name: string, { directory }: CheckedJail): string {
  return commandLine('userdel', '--prefix', directory, '--', name);
}

/** The name of an account, which may contain any byte. */
const quoteName = (name: string): string => quote(pathBytes(name as BytePath));

function userDiffers({ name, uid, gid }: PasswdLine): string | undefined {
  const host = isName(name) ? native.getpwnam(pathBytes(name as BytePath)) : null;
  if (host === null) return renamed(name, uid, (id) => native.getpwuid(id));
  if (host.uid === uid && host.gid === gid) return undefined;
  return `${quoteName(name)} is ${uid}:${gid} here, and ${host.uid}:${host.gid} on the host`;
}

function groupDiffers({ name, gid }: GroupLine): string | undefined {
  const host = isName(name) ? native.getgrnam(pathBytes(name as BytePath)) : null;
  if (host?.gid === gid) return undefined;
  const message =
    host === null
      ? renamed(name, gid, (id) => native.getgrgid(id))
      : `${quoteName(name)} is ${gid} here, and ${host.gid} on the host`;
  return message && `group ${message}`;
}

function renamed(name: string, id: number, ask: (id: number) => Group | Passwd | null): string | undefined {
  // uid-zero finds a second root; 2^32-1 is no id (credentials(7))
  const host = id > 0 && id <= 0xfffffffe ? ask(id) : null;
  return host === null ? undefined : `${id} is ${quoteName(name)} here, and ${host.name} on the host`;
}

const isName = (name: string): boolean => name !== '' && !name.includes('\0');

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

// A world-readable file of a package is in every copy of the package. A file that was copied by name is meant if nobody else can read
// it than the users whom it was built for.
function isMeant({ recorded, mode, gid, hasAcl }: Entry): boolean {
  if (recorded === undefined) return false;
  if (recorded.reason.how === 'copied')
    return (mode & (gid === recorded.gid && !hasAcl ? 0o007 : 0o077)) === 0;
  return (mode & 0o004) !== 0;
}

interface GroupLine {
  readonly name: string;
  readonly gid: number;
}

interface PasswdLine extends GroupLine {
  readonly uid: number;
}

const PASSWD: BytePath = bytePath('/etc/passwd');
const GROUP: BytePath = bytePath('/etc/group');
const SHADOW: readonly BytePath[] = ['/etc/shadow', '/etc/gshadow'].map((path) => bytePath(path));

const MAX_BYTES = 4 << 20;

/** The fields of each line of a file of the jail; no lines if there is no such file. */
function fieldsOf(jail: FileRoot, path: BytePath): readonly (readonly string[])[] {
  return readText(jail, path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

/** The beginning of a regular file of the jail, at most 4 MiB; empty if there is no such file. */
function readText(jail: FileRoot, path: BytePath): string {
  const text = unless(['ELOOP'], () =>
    withRegular(jail, path, ({ read, status }) => toLatin1(read(0, Math.min(status.sizeBytes, MAX_BYTES)))),
  );
  return text ?? '';
}

/** The lines of passwd(5) that the C library would accept. */
function passwdOf(jail: FileRoot): readonly PasswdLine[] {
  return fieldsOf(jail, PASSWD).flatMap(([name = '', , uid = '', gid = '']) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

function groupsOf(jail: FileRoot): readonly GroupLine[] {
  return fieldsOf(jail, GROUP).flatMap(([name = '', , gid = '']) =>
    isId(gid) ? [{ name, gid: Number(gid) }] : [],
  );
}

const isId = (text: string): boolean => /^[0-9]+$/.test(text);
