// The names of services, as systemd takes them. Pure.
import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';

// The path of a unit, or another unit of the same name.
function meantBy(name: string): string {
  const plain = name.replace(/^.*\//, '').replace(/\.(socket|timer|path|mount|conf)$/, '.service');
  const isName = plain !== name && /^[\w:.@-]{1,200}\.service$/.test(plain);
  return isName ? `write ${plain}` : 'such as nginx.service: systemctl list-units --type=service shows them';
}

// systemctl(1) completes any other name too: that of an instance can have dots
const unitTypes = /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|conf)$/;

/** The full name of a service: `nginx` is `nginx.service`. @throws UsageError for a name that cannot be one */
export function toUnitName(name: string): string {
  const full = unitTypes.test(name) ? name : `${name}.service`;
  if (!/^(?!@)[A-Za-z0-9:_.@-]{1,200}\.service$/.test(full))
    throw new UsageError(`${quote(name)} is not the name of a service`, {
      hint: meantBy(name),
    });
  if (full.includes('@.'))
    throw new UsageError(`${full} is a template`, {
      hint: `name one of its instances, such as ${full.replace('@.', '@1.')}`,
    });
  return full;
}
