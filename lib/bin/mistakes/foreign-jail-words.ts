// Words of other programs that have one counterpart here, for the hint of an unknown option or command of uchroot-jail.
import { pairs, type Foreign } from '../../words/nearest.ts';

const starts = 'uchroot USER DIRECTORY PROGRAM starts a program in a jail';

/** For the commands. */
export const foreignJailCommands: Foreign = {
  ...pairs(`create:build make:build new:build init:build add:build install:build upgrade:update refresh:update sync:update rebuild:update
    rm:remove delete:remove destroy:remove rmi:remove ls:list show:list files:list inspect:list info:list verify:check audit:check
    scan:check status:check cp:clone copy:clone why:explain history:explain
    bom:sbom spdx:sbom cyclonedx:sbom compare:diff cve:advisories issues:advisories vulnerabilities:advisories debsecan:advisories differences:diff`),
  fix: 'uchroot-jail check --fix DIRECTORY',
  repair: 'uchroot-jail check --fix DIRECTORY',
  import: 'uchroot-jail build DIRECTORY --image FILE',
  load: 'uchroot-jail build DIRECTORY --image FILE',
  learn: "uchroot-jail build DIRECTORY --learn 'COMMAND'",
  run: starts,
  exec: starts,
  start: starts,
  shell: starts,
  enter: starts,
};

/** For the options. */
export const foreignJailOptions: Foreign = {
  ...pairs(
    'packages:package u:user file:copy include:copy exclude:without root:from keep:keep-privileges severity:fail-on repair:fix',
  ),
  fix: 'uchroot-jail check --fix DIRECTORY',
  install: 'programs are words after DIRECTORY, without an option',
  program: 'programs are words after DIRECTORY, without an option',
  output: 'DIRECTORY is the first word, without an option',
};
