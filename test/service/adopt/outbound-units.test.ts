// The units of a service that may call the names of a list.
import t from 'tap';

import {
  listRefusal,
  outboundFile,
  outboundNames,
  outboundUnits,
} from '../../../lib/service/adopt/outbound-units.ts';
import { dropInText } from '../../../lib/service/adopt/service-drop-in.ts';
import { adopted, daemon, installed } from '../../support/service/described.ts';

const host = { node: '/usr/bin/node', commands: '/opt/uchroot/dist/bin' };
const list = ['api.example.org:443', '[2001:db8::/32]:*'];

t.test('the relay has no privilege, and each unit needs the one before it', async (t) => {
  t.same(outboundUnits('web.service', [], host), []);
  const units = outboundUnits('web@1.service', list, host);
  t.same(
    units.map(({ name }) => name),
    outboundNames('web@1.service'),
  );
  const [network = '', sockets = '', relay = ''] = units.map(({ text }) => text);
  t.match(network, `open-bundle.cjs make ${list.join(' ')}\n`);
  t.match(sockets, 'Requires=uchroot-outbound-web@1-net.service\n');
  t.match(relay, 'Requires=uchroot-outbound-web@1.socket\n');
  t.match(relay, /^DynamicUser=yes\n(?:.*\n)*CapabilityBoundingSet=\n/m);
});

t.test('the service enters the network, and asks the name server there', async (t) => {
  const service = installed(daemon);
  const text = dropInText(adopted(service, { connectTo: list }), '1.0');
  t.match(text, /^NetworkNamespacePath=\/run\/uchroot-outbound\/uchroot-outbound-web\nPrivateNetwork=yes$/m);
  t.match(text, /^Requires=uchroot-outbound-web-net\.service /m);
  t.match(text, /^BindReadOnlyPaths=\S+\/1\/resolv\.conf:\S+\/1\/jail\/etc\/resolv\.conf$/m);
  t.notMatch(dropInText(adopted(service), '1.0'), /NetworkNamespacePath|outbound/);
  t.equal(
    outboundFile('hosts', '127.0.0.1 localhost\n10.0.0.5 db.internal\n::1 localhost ip6-localhost\n# note\n'),
    '127.0.0.1 localhost\n::1 localhost ip6-localhost\n',
  );
  t.match(outboundFile('hosts', ''), '127.0.0.1 localhost');
});

t.test('a service whose clients or whose own filters would suffer gets no list', async (t) => {
  const why = (settings: Record<string, unknown>, ...[ports]: readonly string[][]) =>
    listRefusal(installed({ ...daemon, ...settings }), { connectTo: list }, ports ?? [])?.message;
  t.equal(why({}), undefined);
  t.equal(why({ RestrictAddressFamilies: [true, ['AF_UNIX', 'AF_INET']] }), undefined);
  t.match(why({ RestrictAddressFamilies: [true, ['AF_UNIX']] }), /refuses AF_INET/);
  t.match(why({ RestrictAddressFamilies: [false, ['AF_INET']] }), /refuses AF_INET/);
  t.equal(why({ RestrictAddressFamilies: [false, ['AF_PACKET']] }), undefined);
  t.match(why({ IPAddressDeny: [[2, [0, 0, 0, 0], 0]] }), /IPAddressDeny=/);
  t.match(why({ RestrictNetworkInterfaces: [true, ['eth0']] }), /RestrictNetworkInterfaces=/);
  t.match(why({ JoinsNamespaceOf: ['other.service'] }), /JoinsNamespaceOf=/);
  t.match(listRefusal(installed(daemon), { connectTo: list }, undefined)?.message, /it does not run/);
  t.match(why({}, ['tcp 0.0.0.0:80']), /it listens on tcp 0\.0\.0\.0:80/);
  t.equal(listRefusal(installed(daemon), { connectTo: [] }, undefined), undefined);
});
