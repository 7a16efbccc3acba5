// All packs, in the order in which they are looked at: what every program may want, libraries, interpreters, the rest.

import { UsageError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { quote } from '../../quote.ts';
import { base } from './base.ts';
import { cc } from './cc.ts';
import { commands } from './commands.ts';
import { dns } from './dns.ts';
import { fontconfig } from './fontconfig.ts';
import { gconv } from './gconv.ts';
import { glib } from './glib.ts';
import { gnupg } from './gnupg.ts';
import { gstreamer } from './gstreamer.ts';
import { guile } from './guile.ts';
import { java } from './java.ts';
import { krb5 } from './krb5.ts';
import { ldap } from './ldap.ts';
import { libgcc } from './libgcc.ts';
import { local } from './local.ts';
import { locale } from './locale.ts';
import { lua } from './lua.ts';
import { magic } from './magic.ts';
import { names } from './names.ts';
import { notify } from './notify.ts';
import { node } from './node.ts';
import type { Pack } from './pack.ts';
import { pam } from './pam.ts';
import { perl } from './perl.ts';
import { php } from './php.ts';
import { pixbuf } from './pixbuf.ts';
import { pty } from './pty.ts';
import { python } from './python.ts';
import { ruby } from './ruby.ts';
import { run } from './run.ts';
import { sasl } from './sasl.ts';
import { shell } from './shell.ts';
import { shm } from './shm.ts';
import { syslog } from './syslog.ts';
import { tcl } from './tcl.ts';
import { terminfo } from './terminfo.ts';
import { timezone } from './timezone.ts';
import { tls } from './tls.ts';
import { zoneinfo } from './zoneinfo.ts';

export const packs: readonly Pack[] = [
  base,
  names,
  dns,
  tls,
  timezone,
  zoneinfo,
  locale,
  terminfo,
  gconv,
  libgcc,
  shell,
  shm,
  pty,
  syslog,
  notify,
  run,
  pam,
  krb5,
  sasl,
  ldap,
  magic,
  fontconfig,
  glib,
  pixbuf,
  gstreamer,
  python,
  perl,
  ruby,
  node,
  php,
  tcl,
  lua,
  guile,
  java,
  cc,
  gnupg,
  commands,
  local,
];

/** @throws UsageError if there is no such pack. */
export function packOf(name: string): Pack {
  const pack = packs.find((other) => other.name === name);
  if (pack !== undefined) return pack;
  const names = packs.map((other) => other.name);
  const meant = nearest(name, names);
  throw new UsageError(`there is no pack ${quote(name)}`, {
    hint: meant === undefined ? `the packs are ${names.join(', ')}` : `did you mean ${meant}?`,
  });
}
