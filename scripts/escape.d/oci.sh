# Runs the program with an OCI runtime, by the configuration that its `spec` writes.
#   oci.sh "RUNTIME OPTION..." WORD...
runtime=$1
shift
mkdir /run/escape-bundle
cd /run/escape-bundle
$runtime spec
as=0
[ "$AS" = root ] || as=$ID
[ "$as" -eq "$as" ] 2>/dev/null || as=$(id -u "$as")
node -e '
const [, jail, as, ...words] = process.argv;
const config = JSON.parse(fs.readFileSync("config.json"));
config.root = { path: jail, readonly: config.root.readonly };
config.process.terminal = false;
config.process.args = ["/escape", ...words];
config.process.user = { uid: +as, gid: +as };
// an ordinary user has none of the capabilities that root inside has
if (as !== "0") for (const name of ["effective", "permitted", "inheritable", "ambient"]) config.process.capabilities[name] = [];
fs.writeFileSync("config.json", JSON.stringify(config));' "$JAIL" "$as" "$@"
exec $runtime run "$NAME"
