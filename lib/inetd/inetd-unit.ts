// The unit of systemd that runs uchroot-inetd: systemd.service(5). Pure.
import { systemdWord } from '../service/unit/systemd-unit.ts';

/**
 * The text of a service. SIGTERM goes to uchroot-inetd alone, which then waits for its connections; systemd kills what is left after
 * TimeoutStopSec=. Delegate= is for cgroups of connections with limits.
 */
export function inetdUnit(words: readonly string[], version: string): string {
  return `# Made by uchroot-inetd ${version} --unit systemd. The paths of node and uchroot-inetd are those of that moment:
# make it again when one of them moves.
[Unit]
Description=Super-server with rules and jails
Documentation=man:uchroot-inetd(8)
After=network.target nss-user-lookup.target

[Service]
Type=notify
ExecStart=${words.map(systemdWord).join(' ')}
ExecReload=/bin/sh -c "kill -s HUP $$MAINPID"
KillMode=mixed
WatchdogSec=30
Restart=on-failure
RestartSec=1
Delegate=yes
LimitNOFILE=65536
SyslogIdentifier=uchroot-inetd

[Install]
WantedBy=multi-user.target
`;
}
