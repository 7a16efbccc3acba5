// What nobody but its owner should know.

import { lastComponent } from '../../../binary/path.ts';
import { decision } from '../command.ts';
import type { Entry } from '../entry.ts';
import { isOwn } from '../own.ts';
import { copying } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const secret: Rule = {
  id: 'secret',
  group: 'identity',
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
      // who takes over the jailed user has what is his in any case
      ...(isOwn(entry) && { severity: 'note' }),
    };
  },
};

const NAMES: readonly (readonly [RegExp, string])[] = [
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

function secretOf({ path, isKey }: Entry): string | undefined {
  if (isKey) return 'a private key';
  // what most files are called is none of these
  const name = lastComponent(path);
  if (
    !name.startsWith('.') &&
    !path.includes('/.') &&
    !/shadow|\.(?:keytab|kdbx|tfstate|p12|pfx|jks|jceks|bcfks|keystore|ppk)$/.test(name)
  )
    return undefined;
  return NAMES.find(([pattern]) => pattern.test(path))?.[1];
}

// What a package brings and everybody may read is in every copy of the package; what was asked for by name is meant, if only
// root can read it.
function isMeant({ recorded, mode }: Entry): boolean {
  if (recorded === undefined) return false;
  if (recorded.reason.how === 'copied') return (mode & 0o077) === 0;
  return (mode & 0o004) !== 0;
}
