// Packs for certificates, authentication and keys.

import type { BytePath } from '../../tree/path.ts';
import { runs } from './self-check.ts';
import { expandPath, ifAsked } from './pack-host.ts';
import type { Pack, PackHost, Part } from './pack.ts';

// Debian, Alpine and Arch; Fedora; SUSE; OpenSSL as its sources install it.
const CERTIFICATES: readonly Part[] = [
  { tree: '/etc/ssl/certs', except: /\/java(?:\/|$)/ }, // the pack java adds that
  ...['/etc/ssl/cert.pem', '/etc/ssl/ca-bundle.pem', '/etc/pki/tls/cert.pem'].map((path) => ({ path })),
  ...['/etc/pki/tls/certs', '/etc/pki/ca-trust/extracted/pem'].map((tree) => ({ tree })),
  ...['/var/lib/ca-certificates/ca-bundle.pem', '/var/lib/ca-certificates/pem'].map((tree) => ({ tree })),
  ...['cert.pem', 'certs'].flatMap((name) =>
    ['/usr/lib/ssl', '/usr/local/ssl'].map((place) => ({ path: `${place}/${name}` })),
  ),
];

const CONFIGURATION = ['/usr/lib/ssl/openssl.cnf', '/etc/ssl/openssl.cnf', '/etc/pki/tls/openssl.cnf'];

const OTHERS = ['/etc/gnutls/config', '$LIB/ossl-modules/*.so'];

export const tls: Pack = {
  name: 'tls',
  summary: 'CA certificates, openssl.cnf and its providers',
  when: {
    // by path, so that the library of a plugin counts too, as of python3's _ssl
    paths: /\/lib(?:ssl|gnutls|mbedtls|wolfssl|nss)\d*\.so[^/]*$/,
    texts: ['/etc/ssl/certs'],
  },
  parts: (host) => [
    ...CERTIFICATES,
    ...CONFIGURATION.map((path) => ({ path })),
    { tree: '/etc/crypto-policies' },
    ...OTHERS.map((path) => ({ path })),
    ...(namesEngine(host) ? [{ path: '$LIB/engines-*/*.so' }] : []),
    ...(host.sign({ paths: /\/libnss3\.so$/ }) === undefined ? [] : MOZILLA),
    ...(host.find('$LIB/pkcs11/p11-kit-trust.so').length === 0 ? [] : TRUST_MODULE),
  ],
  wants: ({ root }) =>
    ['/etc/ssl/certs/*', ...BUNDLES].some((place) => expandPath(root, place, []).length > 0)
      ? undefined
      : 'the host has no CA certificates, so the jail has none: programs in it cannot verify a server',
};

const BUNDLES = [
  'ssl/certs/ca-certificates.crt',
  'ssl/cert.pem',
  'pki/tls/certs/ca-bundle.crt',
  'ssl/ca-bundle.pem',
].map((name) => `/etc/${name}`);

// Libraries that NSS opens by name, with their checksums.
const MOZILLA: readonly Part[] = [
  ...['softokn3', 'freebl3', 'freeblpriv3', 'nssckbi', 'nssdbm3'].flatMap((name) =>
    ['so', 'chk'].map((ending) => ({ path: `$LIB/lib${name}.${ending}` })),
  ),
  { tree: '$LIB/nss' },
];

// For a GnuTLS that asks p11-kit for the authorities, as on Fedora.
const TRUST_MODULE: readonly Part[] = [
  { path: '$LIB/pkcs11/p11-kit-trust.so' },
  ...['/usr/share/p11-kit/modules', '/etc/pkcs11'].map((tree) => ({ tree })),
  ...['/etc/pki/ca-trust/source', '/usr/share/pki/ca-trust-source'].map((tree) => ({ tree })),
];

// OpenSSL opens an engine only if its configuration names it (config(5ssl)).
function namesEngine(host: PackHost): boolean {
  return CONFIGURATION.some((path) => /^\s*engines?(?:_id)?\s*=/m.test(host.readText(path) ?? ''));
}

const PAM_CONFIGURATION = ['/etc/pam.d', '/usr/lib/pam.d'];

// files that PAM's own modules read
const PAM_OTHERS = ['/etc/environment', '/etc/login.defs', '/etc/shells'];

export const pam: Pack = {
  name: 'pam',
  summary: "PAM's configuration and its modules",
  when: { libraries: /^libpam\.so/ },
  parts: (host) => [
    { path: '/etc/pam.conf' },
    ...PAM_CONFIGURATION.map((tree) => ({ tree })),
    // opasswd holds old passwords, namespace.init is a script for namespaces
    { tree: '/etc/security', except: /\/(?:opasswd|namespace\.init)$/ },
    ...PAM_OTHERS.map((path) => ({ path })),
    ...modulesOf(host).map((name) => ({ path: name.startsWith('/') ? name : `$LIB/security/${name}` })),
  ],
};

// The third field of a line is the module, and the second can be several words in brackets (pam.conf(5)).
function modulesOf({ root, readText }: PackHost): readonly string[] {
  const files = PAM_CONFIGURATION.flatMap((directory) =>
    (root.list(directory as BytePath) ?? []).map((name) => `${directory}/${name}`),
  );
  const texts = ['/etc/pam.conf', ...files].map((file) => (readText(file) ?? '').replace(/^\s*#.*$/gm, ''));
  return [...new Set(texts.flatMap((text) => text.match(/(?<=\s)[\w/.-]+\.so(?=\s|$)/g) ?? []))];
}

export const gnupg: Pack = {
  name: 'gnupg',
  summary: "GnuPG's agent, and the program that asks for a passphrase",
  when: { executables: /^gpg2?$|^gpgsm$/ },
  parts: (host) => [
    ...ifAsked(host, 'gpg'),
    ...['gpg-agent', 'gpgconf', 'gpg-connect-agent', 'pinentry'].map((program) => ({ program })),
    // libexecdir on Debian and on other systems
    ...['/usr/lib/gnupg', '/usr/libexec'].flatMap((directory) =>
      ['keyboxd', 'gpg-protect-tool', 'gpg-check-pattern'].map((name) => ({ path: `${directory}/${name}` })),
    ),
  ],
  check: runs(/^gpg-agent$/, '--version'),
};
