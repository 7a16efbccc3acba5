// Ports by their names: services(5).
import { words } from '../../words/word-list.ts';

/** The port of a name or number for `tcp` or `udp`; undefined if it has none. */
export type PortOf = (service: string, protocol: string) => number | undefined;

/** Looks names up in the text of /etc/services. Aliases count. */
export function portsOf(text: string): PortOf {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, port, protocol, aliases = ''] =
      /^([^\s#]+)\s+([0-9]{1,5})\/([a-z]+)([^#]*)/.exec(line) ?? [];
    if (name === undefined) continue;
    for (const one of words(`${name} ${aliases}`))
      if (!ports.has(`${one}/${protocol}`)) ports.set(`${one}/${protocol}`, Number(port));
  }
  return (service, protocol) =>
    /^[0-9]{1,5}$/.test(service) ? Number(service) : ports.get(`${service}/${protocol}`);
}
