import t from 'tap';

import { languagePart, namesPackage } from '../../../lib/jail/inventory/language-packages.ts';
import { bytePath } from '../../../lib/tree/path.ts';

const npm = '/srv/app/node_modules/left-pad/package.json';
const pypi = '/srv/app/lib/python3.13/site-packages/six-1.17.0.dist-info/METADATA';
const gem = '/var/lib/gems/3.3.0/specifications/rake-13.0.6.gemspec';

t.test('the files that name packages are known by their paths', async (t) => {
  for (const path of [npm, pypi, gem, '/a/node_modules/@types/node/package.json'])
    t.equal(namesPackage(bytePath(path)), true, path);
  for (const path of [
    '/srv/app/package.json',
    '/a/node_modules/left-pad/lib/package.json',
    '/a/node_modules/.package-lock.json',
    '/a/node_modules/.cache/package.json',
    '/a/METADATA',
    '/a/rake.gemspec',
  ])
    t.equal(namesPackage(bytePath(path)), false, path);
});

t.test('a package has the name and version that its metadata say', async (t) => {
  const read = (path: string, text: string) => {
    const { type, name, version } = languagePart(bytePath(path), text) ?? {};
    return [type, name, version].join(' ');
  };
  t.equal(
    read(npm, '{"name":"@types/node","version":"20.1.0-beta.1+x","other":{}}'),
    'npm @types/node 20.1.0-beta.1+x',
  );
  t.equal(
    read(pypi, 'Metadata-Version: 2.1\r\nName: six\r\nVersion: 1.17.0\r\n\r\nName: evil\r\n'),
    'pypi six 1.17.0',
  );
  t.equal(
    read(
      gem,
      '# stub: rake 13.0.6 ruby lib\nGem::Specification.new do |s|\n  s.name = "rake".freeze\n  s.version = "13.0.6".freeze\n',
    ),
    'gem rake 13.0.6',
  );
  t.equal(read(gem, '  s.name = "x"\n  s.version = Gem::Version.new("1.0")\n'), 'gem x 1.0');
});

t.test('hostile metadata name no package', async (t) => {
  const deep = '['.repeat(500_000);
  for (const [path, text] of [
    [npm, ''],
    [npm, 'null'],
    [npm, '[]'],
    [npm, deep],
    [npm, '{"__proto__":{"name":"x","version":"1"}}'],
    [npm, '{"name":{"toString":1},"version":"1"}'],
    [npm, '{"name":["x"],"version":"1"}'],
    [npm, '{"name":"x","version":1}'],
    [npm, '{"name":"x\\u001b[2J","version":"1"}'],
    [npm, '{"name":"x\\ud800","version":"1"}'],
    [npm, '{"name":"../../etc","version":"1"}'],
    [npm, '{"name":"@a/b/c","version":"1"}'],
    [npm, '{"name":"x","version":"1?arch=all#top"}'],
    [npm, `{"name":"${'x'.repeat(300)}","version":"1"}`],
    [pypi, 'Name: six\n\nVersion: 1\n'],
    [pypi, 'Name: a b\nVersion: 1\n'],
    [pypi, 'Name: six\u202e\nVersion: 1\n'],
    [gem, 's.name = `id`\ns.version = "1"\n'],
    [gem, '  s.name = "#{`id`}"\n  s.version = "1"\n'],
    ['/etc/passwd', '{"name":"x","version":"1"}'],
  ] as const)
    t.equal(languagePart(bytePath(path), text), undefined, text.slice(0, 60));
});
