// Words of other programs, for the hint of an unknown option or command of uchroot-jail.
import type { Foreign } from '../../words/nearest.ts';

const ofHost = 'a jail is built from the programs of this host: uchroot-jail build DIRECTORY PROGRAM...';
const inJail = 'leave it out: make it in the jail itself, with mkdir, ln -s, chown or install';
const atLaunch = 'leave it out: a launch has devices with uchroot --isolate --dev /dev';
const named =
  'leave it out: build names programs, and what they need comes along; update, check and remove take one jail';
const starts = 'uchroot USER DIRECTORY PROGRAM starts a program in a jail';
const opensShell = 'uchroot USER DIRECTORY starts a shell in a jail';
const byClone = 'write clone TEMPLATE DIRECTORY, and then remove TEMPLATE';
const asRecipe = 'write list DIRECTORY --format json: build --recipe makes the same jail of it';
const byCheck = 'write check --fix DIRECTORY';
const behindDirectory = 'name programs without an option, after DIRECTORY';
const directoryFirst = 'name DIRECTORY first, without an option';
const isWhole = 'leave it out: a jail is taken as a whole';

/** Words of other programs for the commands. */
export const foreignJailCommands: Foreign = {
  create: 'build',
  make: 'build',
  new: 'build',
  init: 'build',
  add: 'build',
  install: 'build',
  upgrade: 'update',
  refresh: 'update',
  sync: 'update',
  rm: 'remove',
  delete: 'remove',
  destroy: 'remove',
  ls: 'list',
  show: 'list',
  files: 'list',
  verify: 'check',
  audit: 'check',
  scan: 'check',
  cp: 'clone',
  copy: 'clone',
  info: 'list',
  status: 'check',
  why: 'explain',
  diff: 'check',
  fix: byCheck,
  repair: byCheck,
  mv: byClone,
  move: byClone,
  rename: byClone,
  pull: ofHost,
  learn: "write build DIRECTORY --learn 'COMMAND'",
  export: asRecipe,
  save: asRecipe,
  push: asRecipe,
  commit: asRecipe,
  tag: asRecipe,
  load: 'write build DIRECTORY --recipe FILE',
  rebuild: 'update',
  rmi: 'remove',
  prune: 'write remove DIRECTORY: a jail is removed by its name',
  inspect: 'list',
  history: 'write explain DIRECTORY PATH, which tells why a file is there',
  images: ofHost,
  debootstrap: ofHost,
  run: starts,
  exec: starts,
  start: starts,
  shell: opensShell,
  enter: opensShell,
};

/** Words of other programs for the options. */
export const foreignJailOptions: Foreign = {
  program: behindDirectory,
  p: behindDirectory,
  x: behindDirectory,
  o: directoryFirst,
  j: directoryFirst,
  t: directoryFirst,
  output: 'leave it out: DIRECTORY comes first, and what is printed goes where the shell says: >FILE',
  bind: 'write --copy PATH: a jail is built of copies, and uchroot --isolate --bind mounts when it starts a program',
  v: 'leave it out: a progress bar shows what is done, and uchroot-jail explain the reasons',
  packages: 'package',
  u: 'user',
  group: 'leave it out: the groups of a --user come along',
  g: 'leave it out: the groups of a --user come along',
  groups: 'leave it out: the groups of a --user come along',
  user: 'write build DIRECTORY --user NAME',
  'help-packs': 'write --help: it lists the packs',
  install: behindDirectory,
  file: 'copy',
  include: 'copy',
  exclude: 'without',
  f: 'leave it out: a jail is built of programs of this host, and a message says what stands in the way',
  root: 'from',
  keep: 'keep-privileges',
  severity: 'fail-on',
  plan: 'leave it out: without --fix nothing is changed',
  r: isWhole,
  rf: isWhole,
  recursive: isWhole,
  a: named,
  all: named,
  add: behindDirectory,
  mkdir: inJail,
  dir: inJail,
  symlink: inJail,
  link: inJail,
  chown: inJail,
  chmod: inJail,
  device: atLaunch,
  dev: atLaunch,
  sarif: 'write --format sarif',
  owner:
    'leave it out: the files of a jail are owned as on the host, and a user of the jail is named with --user',
  repair: 'fix',
  fix: byCheck,
};
