// All packs, in the order in which they are considered.

import { UsageError } from '../../errors.ts';
import { didYouMean, type Foreign, pairs } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { eachAlone } from '../../words/shell-word.ts';
import { base } from './base.ts';
import { cc } from './cc.ts';
import { commands, shell } from './command-packs.ts';
import { dns, names, syslog } from './name-service.ts';
import { fontconfig, terminfo } from './display-packs.ts';
import { host } from './host.ts';
import { gconv, locale } from './locale.ts';
import * as files from './file-packs.ts';
import { gnupg, pam, tls } from './security-packs.ts';
import { guile, java, lua, php, tcl } from './interpreters.ts';
import { local } from './local.ts';
import { node } from './node.ts';
import type { Pack } from './pack.ts';
import { perl } from './perl.ts';
import { python } from './python.ts';
import { ruby } from './ruby.ts';

export const packs: readonly Pack[] = [
  [base, names, dns, tls, files.timezone, files.zoneinfo, locale, terminfo, gconv, files.libgcc],
  [shell, files.shm, files.pty, syslog, files.notify, files.run],
  [pam, files.krb5, files.sasl, files.ldap, files.odbc, files.xml, files.magic],
  [fontconfig, files.glib, files.pixbuf, files.gstreamer],
  [python, perl, ruby, node, php, tcl, lua, guile, java, cc],
  [files.pascal, gnupg, commands, local, host],
].flat();

/** The functions that are signs of any pack. */
export const symbols: ReadonlySet<string> = new Set(
  packs.flatMap(({ when }) => [...(when.imports ?? []), ...(when.ownImports ?? [])]),
);

// Packages and subjects by their usual names.
const foreignPacks: Foreign = {
  ...pairs(`ssl:tls openssl:tls ca:tls certs:tls certificates:tls ca-certificates:tls net:dns network:dns
    resolver:dns nss:names nsswitch:names users:base dev:base tz:timezone tzdata:timezone locales:locale
    utf8:locale iconv:gconv ncurses:terminfo terminal:terminfo sh:shell bash:shell tty:pty log:syslog
    journal:syslog python3:python nodejs:node npm:node jre:java gcc:cc fonts:fontconfig`),
};

/** @throws UsageError if there is no such pack. */
export function packOf(name: string): Pack {
  const pack = packs.find((other) => other.name === name);
  if (pack !== undefined) return pack;
  const names = packs.map((other) => other.name);
  throw new UsageError(`there is no pack ${quote(name)}`, {
    hint:
      eachAlone('--pack', name) ??
      didYouMean(name, names, undefined, foreignPacks) ??
      `the packs are ${names.join(', ')}`,
  });
}
