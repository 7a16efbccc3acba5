// The accounts that texts about a service name: its configuration, and the maintainer scripts of its packages. Pure.

// user www-data; APACHE_RUN_USER=www-data; TFTP_USERNAME="tftp"; cache_effective_user proxy; User debian-tor
const inConfiguration =
  /^[$\w.\t -]{0,60}?(?:user|group|owner|uid|gid)(?:_?name)?[ \t]*[=: \t][ \t]*["']?([A-Za-z_][\w-]*)\b/gim;

// adduser(8) and the like, and what gives files to an account: chown(1), install(1), dpkg-statoverride(1)
const withAccounts =
  /\b(?:adduser|useradd|usermod|addgroup|groupadd|chown|chgrp|install|dpkg-statoverride|setpriv|runuser|start-stop-daemon|su)\b[^\n;|&]*/g;

// sysusers.d(5)
const inSysusers = /^[ug]!?[ \t]+([A-Za-z_][\w-]*)/gm;

// USER=mysql, in a script that hands $USER to adduser
const inVariable = /^[ \t]*\w*(?:user|group|owner|account)\w*=["']?([A-Za-z_][\w-]*)/gim;

const namesBy = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].flatMap(([, name]) => name ?? []);

const withoutComments = (text: string): string => text.replace(/^[ \t]*[#;].*$/gm, '');

/** Words of configuration that stand where the name of an account stands. Not each is one. */
export const namedInConfiguration = (text: string): readonly string[] =>
  namesBy(withoutComments(text), inConfiguration);

/** Words of maintainer scripts, or of files of sysusers.d(5), that may be names of accounts. */
export function namedInScript(text: string): readonly string[] {
  const plain = withoutComments(text.replaceAll('\\\n', ' '));
  const words = (plain.match(withAccounts) ?? []).flatMap((line) => line.split(/[\s:="'{}]+/).slice(1));
  return [
    ...words.filter((word) => /^[A-Za-z_][\w-]*$/.test(word)),
    ...namesBy(plain, inVariable),
    ...namesBy(plain, inSysusers),
  ];
}
