// The services of the table: how each is prepared, asked and controlled. Packages are those of Debian 13.
//   given   lines of a shell that prepare the host      after   lines that put it back
//   ask     the question of a client: its answer must not be empty, and must be the same at each time
//   tools   control programs, which must succeed        client, note   words for the table

const reload = (name) => `systemctl reload ${name}`;
// as the host's logrotate does it, with its default; the usual file of its state serves one at a time
const rotate = (name) =>
  `printf 'create\\ninclude /etc/logrotate.d/${name}\\n' >/tmp/rotate-${name} && logrotate -f -s /tmp/rotated-${name} /tmp/rotate-${name}`;
const page = `mkdir -p /var/www/html; rm -f /var/www/html/index.*; echo hello >/var/www/html/index.html`;
const dig = (words) => `dig +short @127.0.0.1 ${words} | grep -v '^;' | sort`;
const lines = (file, ...all) => `printf '%s\\n' ${all.map((one) => `'${one}'`).join(' ')} >${file}`;
const zone = (name, file) =>
  lines(file, `$ORIGIN ${name}.`, '@ 60 SOA a b 1 1 1 1 1', '@ 60 NS a', 'a 60 A 192.0.2.9');
const say = (text, port, more = '-q1 -w3') => `printf '${text}' | nc ${more} 127.0.0.1 ${port}`;

export const rows = [
  {
    name: 'apache2',
    client: 'curl, `apachectl graceful`',
    given: `${page}; echo '<?php echo 6*7;' >/var/www/html/x.php`,
    ask: 'curl -s localhost/ localhost/x.php',
    tools: ['apachectl graceful', 'apachectl configtest', reload('apache2'), rotate('apache2')],
  },
  {
    name: 'beanstalkd',
    client: 'nc',
    ask: `${say('put 0 0 9 1\\r\\na\\r\\nquit\\r\\n', 11300)} | cut -c1-8`,
  },
  {
    name: 'chrony',
    client: 'chronyc',
    given: `mkdir -p /etc/systemd/system/chrony.service.d
${lines('/etc/systemd/system/chrony.service.d/table.conf', '[Unit]', 'ConditionCapability=')}
${lines('/etc/default/chrony', 'DAEMON_OPTS="-x -F 1"')}; systemctl daemon-reload`,
    ask: 'chronyc -c tracking | cut -d, -f1-3',
    tools: ['chronyc -n sources', rotate('chrony')],
    note: 'mail by `mailonchange`, and clocks of `/dev`; tried with `-x`, without setting the clock',
  },
  {
    name: 'coturn',
    client: 'turnutils_stunclient',
    given: lines('/etc/turnserver.conf', 'listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', 'cli-password=x'),
    ask: "turnutils_stunclient 127.0.0.1 | grep -om1 'UDP reflexive addr: 127.0.0.1'",
  },
  {
    name: 'dnsdist',
    client: 'dig',
    given: lines(
      '/etc/dnsdist/dnsdist.conf',
      'setLocal("127.0.0.1:53")',
      'addAction("e.test.", SpoofAction("192.0.2.11"))',
      'newServer("127.0.0.1:5300")',
    ),
    ask: dig('e.test'),
  },
  {
    name: 'dnsmasq',
    client: 'dig',
    given: lines('/etc/dnsmasq.d/table.conf', 'bind-interfaces', 'address=/b.test/192.0.2.8'),
    ask: dig('b.test'),
    tools: [reload('dnsmasq')],
  },
  { name: 'etcd', client: 'etcdctl', ask: 'etcdctl put a b; etcdctl get a' },
  {
    name: 'freeradius',
    client: 'radclient',
    given: `grep -q ^bob /etc/freeradius/3.0/mods-config/files/authorize ||
sed -i '1i bob Cleartext-Password := "hi"' /etc/freeradius/3.0/mods-config/files/authorize`,
    ask: `echo 'User-Name = "bob", User-Password = "hi"' | radclient -x localhost auth testing123 | grep -om1 Access-Accept`,
    tools: [reload('freeradius'), rotate('freeradius')],
    note: 'accounts of the host, by `unix` or PAM',
  },
  {
    name: 'haproxy',
    client: 'curl, the admin socket',
    given: `grep -q 'frontend f' /etc/haproxy/haproxy.cfg || printf '%s\\n' 'frontend f' ' bind 127.0.0.1:8081' ' mode http' \
' http-request return status 200 content-type text/plain string hap' >>/etc/haproxy/haproxy.cfg`,
    ask: 'curl -s localhost:8081',
    tools: [
      'echo show info | socat - /run/haproxy/admin.sock | grep -q Version',
      reload('haproxy'),
      rotate('haproxy'),
    ],
  },
  {
    name: 'influxdb',
    client: 'curl',
    given: `systemctl start influxdb; sleep 2; curl -s -XPOST 'localhost:8086/query?q=create+database+d'
curl -s -XPOST localhost:8086/write?db=d --data-binary 'm v=1 1'`,
    ask: "curl -s 'localhost:8086/query?db=d&q=select+*+from+m'",
    tools: [rotate('influxdb')],
  },
  {
    name: 'knot',
    client: 'dig, knotc',
    given: `${lines('/etc/knot/knot.conf', 'server:', ' listen: 127.0.0.1@53', 'control:', 'zone:', ' - domain: d.test', '   file: /var/lib/knot/d.test')}
${zone('d.test', '/var/lib/knot/d.test')}; chown -R knot: /var/lib/knot`,
    ask: dig('a.d.test'),
    tools: ['knotc status', 'knotc reload', reload('knot')],
  },
  {
    name: 'lighttpd',
    client: 'curl',
    given: page,
    ask: 'curl -s localhost/index.html',
    tools: [reload('lighttpd'), rotate('lighttpd')],
  },
  {
    name: 'mariadb',
    client: 'mariadb, mariadb-admin',
    ask: `mariadb -e 'create database if not exists d; use d; create table if not exists t (a int); select count(*) from t; select @@datadir'`,
    tools: ['mariadb-admin ping', 'mariadb-admin flush-logs', rotate('mariadb')],
    note: '`galera_new_cluster`: its EnvironmentFile= in `/run/mysqld` is not read',
  },
  {
    name: 'memcached',
    client: 'socat',
    ask: "printf 'set a 0 0 1\\r\\nb\\r\\nget a\\r\\nquit\\r\\n' | socat -t3 - TCP:127.0.0.1:11211",
  },
  {
    name: 'mosquitto',
    client: 'mosquitto_pub',
    ask: 'mosquitto_pub -r -t a -m b; mosquitto_sub -C 1 -W 3 -t a',
    tools: [reload('mosquitto'), rotate('mosquitto')],
  },
  {
    name: 'named',
    client: 'dig, rndc',
    ask: dig('authors.bind CH TXT'),
    tools: ['rndc status', 'rndc reload', 'rndc dumpdb', reload('named')],
  },
  {
    name: 'nginx',
    client: 'curl, `nginx -s reload`',
    given: page,
    ask: 'curl -s localhost/',
    tools: ['nginx -t', 'nginx -s reload', reload('nginx'), rotate('nginx')],
  },
  {
    name: 'ngircd',
    client: 'nc',
    ask: `${say('NICK a\\r\\nUSER a a a a\\r\\nQUIT\\r\\n', 6667, '-q2 -w3')} | grep -om1 ' 001 a'`,
    tools: [reload('ngircd')],
  },
  {
    name: 'nsd',
    client: 'dig, nsd-control',
    given: `${lines('/etc/nsd/nsd.conf.d/table.conf', 'server:', ' ip-address: 127.0.0.1', 'zone:', ' name: c.test', ' zonefile: /etc/nsd/c.test')}
${zone('c.test', '/etc/nsd/c.test')}`,
    ask: dig('a.c.test'),
    tools: ['nsd-control status', 'nsd-control reload', reload('nsd')],
  },
  {
    name: 'opendkim',
    client: 'its socket',
    ask: "ss -xl | grep -om1 '/run/opendkim/[^ ]*'",
    tools: [reload('opendkim')],
  },
  {
    name: 'own-web',
    client: 'curl; a script of your own in `/opt` with data in `/data`',
    given: `id own-web >/dev/null 2>&1 || useradd -r own-web; mkdir -p /opt/own-web/state /data/own-web
chown own-web /opt/own-web/state /data/own-web; echo 42 >/opt/own-web/answer
${lines(
  '/opt/own-web/web.py',
  'import http.server, sqlite3',
  'log = open("/data/own-web/log", "a", buffering=1)',
  'class Page(http.server.BaseHTTPRequestHandler):',
  '    def do_GET(self):',
  '        log.write("hit")',
  '        db = sqlite3.connect("/opt/own-web/state/db"); db.execute("create table if not exists t (a)"); db.commit()',
  '        self.send_response(200); self.end_headers(); self.wfile.write(open("answer", "rb").read())',
  'http.server.HTTPServer(("127.0.0.1", 8091), Page).serve_forever()',
)}
${lines('/etc/systemd/system/own-web.service', '[Service]', 'User=own-web', 'WorkingDirectory=/opt/own-web', 'ExecStart=/usr/bin/python3 web.py')}
systemctl daemon-reload`,
    ask: 'curl -s localhost:8091',
  },
  {
    name: 'pdns-recursor',
    client: 'dig, rec_control',
    ask: dig('localhost'),
    tools: ['rec_control ping', 'rec_control get-all'],
  },
  {
    name: 'php8.4-fpm',
    client: 'cgi-fcgi',
    given: `mkdir -p /var/www/html; echo '<?php echo 6*7;' >/var/www/html/y.php`,
    ask: 'SCRIPT_FILENAME=/var/www/html/y.php REQUEST_METHOD=GET cgi-fcgi -bind -connect /run/php/php8.4-fpm.sock',
    tools: [reload('php8.4-fpm'), rotate('php8.4-fpm')],
    note: 'after a rotation of its log it needs a restart',
  },
  {
    name: 'postgresql@17-main',
    client: 'psql, pg_dump',
    given: 'test -d /etc/postgresql/17/main || pg_createcluster 17 main',
    ask: `su postgres -c "psql -qAtc 'create table if not exists t (a int); select count(*) from t' postgres" 2>/dev/null`,
    tools: [
      'pg_lsclusters | grep -q online',
      reload('postgresql@17-main'),
      'su postgres -c "pg_dump postgres" | grep -q TABLE',
    ],
  },
  {
    name: 'privoxy',
    client: 'curl',
    ask: 'curl -s -x localhost:8118 http://p.p/ | grep -om1 Privoxy@',
    tools: [rotate('privoxy')],
  },
  {
    name: 'prometheus',
    client: 'curl',
    ask: 'curl -s localhost:9090/-/healthy',
    tools: [reload('prometheus')],
  },
  {
    name: 'prosody',
    client: 'nc, prosodyctl',
    ask: `${say('<a/>', 5222)} | grep -om1 stream:error`,
    tools: ['prosodyctl status', 'prosodyctl check config', reload('prosody'), rotate('prosody')],
  },
  {
    name: 'rabbitmq-server',
    client: 'rabbitmqctl',
    ask: 'rabbitmqctl list_vhosts --silent',
    tools: ['rabbitmqctl status', 'rabbitmq-diagnostics ping', rotate('rabbitmq-server')],
    note: 'its output goes to the journal',
  },
  {
    name: 'redis-server',
    client: 'redis-cli',
    ask: 'redis-cli set a b; redis-cli get a',
    tools: ['redis-cli save', rotate('redis-server')],
  },
  {
    name: 'rsync',
    client: 'rsync, both ways',
    given: `mkdir -p /srv/read /srv/written; chown nobody /srv/written; echo hello >/srv/read/file
${lines('/etc/rsyncd.conf', '[read]', 'path = /srv/read', '[written]', 'path = /srv/written', 'read only = no')}`,
    ask: 'rsync /etc/rsyncd.conf rsync://127.0.0.1/written/ && rsync rsync://127.0.0.1/read/file /tmp/read && cat /tmp/read',
  },
  {
    name: 'slapd',
    client: 'ldapsearch, also by `ldapi:///`',
    ask: 'ldapsearch -x -LLL -s base -b "" namingContexts; ldapsearch -LLL -Q -Y EXTERNAL -H ldapi:/// -b cn=config -s base dn',
    tools: ['slapcat -n 0 >/dev/null'],
  },
  {
    name: 'snmpd',
    client: 'snmpget',
    ask: 'snmpget -v2c -c public -Oqv localhost .1.3.6.1.2.1.1.4.0 .1.3.6.1.2.1.1.5.0',
    tools: [reload('snmpd')],
  },
  {
    name: 'squid',
    client: 'curl, `squid -k`',
    ask: "curl -s -o /dev/null -w '%{http_code}' -x localhost:3128 http://127.0.0.1:9/",
    tools: ['squid -k check', 'squid -k reconfigure', reload('squid'), 'squid -k rotate', rotate('squid')],
    note: 'its restart takes half a minute, as without a jail',
  },
  {
    name: 'stunnel@table',
    client: '`openssl s_client`',
    given: `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=t -keyout /etc/stunnel/table.pem -out /tmp/table.pem -days 9 2>/dev/null
cat /tmp/table.pem >>/etc/stunnel/table.pem
${lines('/etc/stunnel/table.conf', 'foreground=yes', 'setuid=stunnel4', 'setgid=stunnel4', 'cert=/etc/stunnel/table.pem', '[x]', 'accept=127.0.0.1:4443', 'connect=127.0.0.1:4442')}
systemd-run -q --unit table-echo socat TCP-LISTEN:4442,bind=127.0.0.1,fork,reuseaddr EXEC:cat`,
    ask: `(echo ping; sleep 0.5) | timeout 3 openssl s_client -quiet -connect 127.0.0.1:4443 2>/dev/null`,
    after: 'systemctl stop table-echo',
  },
  {
    name: 'tftpd-hpa',
    client: 'tftp',
    given: 'mkdir -p /srv/tftp; echo file >/srv/tftp/f',
    ask: 'cd /tmp && rm -f f && tftp localhost -c get f && cat f',
  },
  {
    name: 'tinyproxy',
    client: 'curl',
    given: `mkdir -p /srv/tiny; echo hello >/srv/tiny/index.html
systemd-run -q --unit table-page python3 -m http.server 8092 --bind 127.0.0.1 --directory /srv/tiny`,
    ask: 'curl -sf -x localhost:8888 http://127.0.0.1:8092/',
    tools: [reload('tinyproxy'), rotate('tinyproxy')],
    after: 'systemctl stop table-page',
  },
  {
    name: 'tor@default',
    client: 'a connection by SOCKS',
    ask: `${say('\\005\\001\\000', 9050)} | od -An -tx1`,
    tools: [reload('tor@default'), rotate('tor')],
  },
  {
    name: 'transmission-daemon',
    client: 'curl',
    ask: `curl -s -D - -o /dev/null localhost:9091/transmission/rpc | grep -om1 '^HTTP/1.1 [0-9]*'`,
    tools: [reload('transmission-daemon')],
    note: 'downloads to another place need `--bind`',
  },
  {
    name: 'unbound',
    client: 'dig, unbound-control',
    given: `${lines('/etc/unbound/unbound.conf.d/table.conf', 'server:', ' local-data: "a.test. A 192.0.2.7"', 'remote-control:', ' control-enable: yes')}
unbound-control-setup >/dev/null 2>&1`,
    ask: dig('a.test'),
    tools: ['unbound-control status', 'unbound-control reload', reload('unbound')],
  },
  {
    name: 'valkey-server',
    client: 'valkey-cli',
    ask: 'valkey-cli set a b; valkey-cli get a',
    tools: ['valkey-cli save', rotate('valkey-server')],
  },
  {
    name: 'varnish',
    client: 'curl, varnishadm',
    given: lines(
      '/etc/varnish/default.vcl',
      'vcl 4.1; backend default none; sub vcl_recv { return (synth(200)); }',
      'sub vcl_synth { set resp.body = "vcl"; return (deliver); }',
    ),
    ask: 'curl -s localhost:6081',
    tools: ['varnishadm ping', 'varnishadm vcl.list', reload('varnish'), 'varnishstat -1'],
  },
  {
    name: 'varnishncsa',
    client: 'its log',
    given: 'systemctl start varnish',
    ask: 'curl -s localhost:6081 >/dev/null; sleep 2; tail -n 1 /var/log/varnish/varnishncsa.log | cut -d" " -f1',
    tools: [rotate('varnish')],
    after: 'systemctl stop varnish',
  },
  // those that stay as they are
  { name: 'cups', ask: 'curl -s localhost:631/ | head -c 15' },
  { name: 'dovecot', ask: say('', 143) },
  { name: 'exim4', ask: `${say('QUIT\\r\\n', 25)} | grep -o 221` },
  { name: 'fail2ban', ask: 'fail2ban-client ping' },
  { name: 'icecast2', ask: 'curl -s localhost:8000/status-json.xsl | head -c 13' },
  {
    name: 'prometheus-node-exporter',
    ask: 'curl -s localhost:9100/metrics | grep -om1 ^node_filesystem_size_bytes',
  },
  { name: 'rsyslog', ask: 'logger -t table hello; sleep 1; grep -om1 "table: hello" /var/log/syslog' },
  { name: 'smbd', ask: 'smbclient -N -L localhost | grep -o IPC' },
  { name: 'ssh', ask: say('', 22) },
  { name: 'vsftpd', ask: say('', 21) },
];
