// Classifies a file by its directory (hier(7), file-hierarchy(7)).

import type { BytePath } from '../../tree/path.ts';
import { wordSet } from '../../words/word-list.ts';

export type Place =
  /** Not needed in a jail: documentation, or files for the system. */
  | 'elsewhere'
  /** In a directory where PATH, or the package's own programs, find programs. */
  | 'program'
  /** The loader finds it by name. */
  | 'library'
  /** For a compiler or linker. */
  | 'development'
  /** Below /var or /run, where services keep their data. */
  | 'state'
  | 'other';

/** Whether the place of a path is `program`: much faster than placeOf. */
export const isInProgramDirectory = (path: BytePath): boolean => PROGRAM.test(path);

export function placeOf(path: BytePath): Place {
  if (isInProgramDirectory(path)) return 'program';
  if (LIBRARY.test(path)) return 'library';
  if (DEVELOPMENT.some((pattern) => pattern.test(path))) return 'development';
  if (/^\/(?:var|run)\//.test(path)) return 'state';
  return isElsewhere(path) ? 'elsewhere' : 'other';
}

// The later alternatives are for /usr/lib/postgresql/15/bin and /opt/x/bin.
const PROGRAM =
  /^(?:(?:\/usr|\/usr\/local)?\/s?bin|\/usr\/games|\/usr\/lib\/[^/]+(?:\/[^/]+)?\/s?bin|\/opt\/[^/]+\/s?bin)\/[^/]+$/;

// Directly in one of the loader's default directories (ld.so(8)); plugins are deeper.
const LIBRARY =
  /^(?:\/usr)?\/lib(?:32|64|x32|o32)?\/(?:[a-z0-9_]+-linux-[a-z0-9]+\/)?(?:glibc-hwcaps\/[^/]+\/)?[^/]+\.so(?:\.[^/]*)?$/;

const DEVELOPMENT: readonly RegExp[] = [
  /^\/usr\/include\//,
  /\.(?:h|hh|hpp)$/,
  // not deeper: plugins of libltdl need their .la
  /^\/usr\/lib\/(?:[^/]+-linux-[^/]+\/)?[^/]+\.(?:a|o|la)$/,
  /^\/usr\/(?:lib\/(?:[^/]+\/)?|share\/)(?:pkgconfig|cmake|aclocal)\//,
  /\/pgxs\//,
];

function isElsewhere(path: string): boolean {
  const [, first, second, third, fourth] = path.split('/');
  if (first === 'etc') return second !== undefined && ETC.has(second);
  if (first === 'boot') return true;
  // a package for systems without merged /usr
  if (first === 'lib') return isOfSystem(second, third);
  if (first !== 'usr') return false;
  if (second === 'lib') return isOfSystem(third, fourth);
  if (second === 'src') return true;
  return (
    second === 'share' &&
    third !== undefined &&
    (SHARE.has(third) ||
      (fourth !== undefined && SHARE_DEEP.has(`${third}/${fourth}`)) ||
      // not deeper: there a module may have such a name
      READING.test(path))
  );
}

function isOfSystem(directory: string | undefined, next: string | undefined): boolean {
  return directory !== undefined && next !== undefined && LIB.has(directory);
}

// Documentation, desktop files, files for other programs and maintainer scripts, and translated messages.
const SHARE = wordSet(`
  doc doc-base man info gtk-doc help gnome omf lintian linda bug reportbug apport metainfo appdata doxygen locale
  menu applications desktop-directories icons pixmaps app-install wayland-sessions xsessions
  bash-completion debconf debianutils initramfs-tools update-notifier polkit-1 runit dbus-1 dgit tmpfiles.d
`);

// Additions for shells, editors, debuggers and byte-compilers.
const SHARE_DEEP = wordSet(`
  zsh/vendor-completions fish/vendor_completions.d vim/addons vim/registry vim/vimfiles nvim/site emacs/site-lisp
  gdb/auto-load gcc/python python3/runtime.d
`);

const READING = /^\/usr\/share\/[^/]+\/(?:[^/]+\/)?(?:docs?|examples|contrib)\//;

// Init, timers, log rotation, login shells, kernel and network set-up, which do not run in a jail.
const ETC = wordSet(`
  init.d rc0.d rc1.d rc2.d rc3.d rc4.d rc5.d rc6.d rcS.d init systemd default insserv.conf.d sv runit
  cron.d cron.hourly cron.daily cron.weekly cron.monthly cron.yearly logrotate.d logcheck rsyslog.d
  bash_completion.d profile.d skel update-motd.d xdg menu menu-methods
  apparmor.d apparmor ufw firewalld apport apt kernel initramfs-tools modprobe.d modules-load.d depmod.d
  sysctl.d udev tmpfiles.d binfmt.d network NetworkManager dhcp ppp resolvconf pm sudoers.d polkit-1 needrestart
`);

const LIB = wordSet(`
  systemd udev modprobe.d modules-load.d modules sysctl.d sysusers.d tmpfiles.d binfmt.d environment.d init
  debug mime kernel dracut firmware resolvconf NetworkManager networkd-dispatcher ifupdown pm-utils lsb
`);

const OPTIONAL: readonly RegExp[] = [
  // graphics drivers, because a jail has no such devices; those of Mesa need LLVM
  /^\/usr\/lib\/(?:[^/]+-linux-[^/]+\/)?(?:dri|gbm|vdpau|gallium-pipe)(?=\/)/,
  // modules for jlink(1), and sources
  /^\/usr\/lib\/jvm\/[^/]+\/(?:jmods(?=\/)|(?:lib\/)?src\.zip$)/,
];

/** The optional directory or file that contains a path; undefined for a path that a jail needs. */
export function optionalPart(path: BytePath): BytePath | undefined {
  return OPTIONAL.map((pattern) => pattern.exec(path)?.[0] as BytePath | undefined).find(Boolean);
}
