#!/bin/sh
# Sets Vault or OpenBao up for Envtier, with the `vault` or `bao` command and the address and token that it is given
# (VAULT_ADDR, VAULT_TOKEN, … or BAO_ADDR, BAO_TOKEN, …). Safe to run again: the same arguments give the same result, and
# what is in Vault with other contents is overwritten only with --replace.
set -euf
umask 077
here=$(dirname "$0")

usage() {
	cat <<'USAGE'
Usage: setup.sh [--print] [--replace] COMMAND [options]

Commands
  auth-kubernetes   the kubernetes auth method: Vault asks the cluster whether a token is genuine
      --host URL              the cluster's API server, as Vault reaches it
      --ca FILE               PEM of the CA of its certificate
      --reviewer-token FILE   token of an account that may ask (rbac/reviewer.yaml), or
      --own-token             ask with the pod's own token (rbac/own-token.yaml)
      --mount PATH            (default: kubernetes)
  auth-jwt          the jwt auth method: Vault checks tokens by the cluster's public keys
      --issuer URL            the cluster's issuer: kubectl get --raw /.well-known/openid-configuration
      --jwks-url URL          where the keys are, as Vault reaches it: https://API-SERVER/openid/v1/jwks
      --ca FILE               PEM of the CA of that address
      --mount PATH            (default: jwt)
  role NAME         a role, and the policies that it grants
      --namespace A,B         namespaces of the pods
      --account A,B           their service accounts; '*' for all of those namespaces
      --org NAME              grants the organization's tier
      --deployment NAME       grants that deployment's tier
      --service NAME          and that service's; may be repeated
      --own namespace         grants each pod the deployment named like its namespace, and the service named like its account, or
      --own account           the deployment NAMESPACE.ACCOUNT, with all its services
      --refresh               grants the versions of these tiers in one request, for sidecars that keep files current (KV version 2)
      --lease PATH            grants a dynamic secret, as the annotation envtier.dev/lease.NAME names it: database/creds/readonly, or
                              'pki/issue/web?common_name=…' for one that is issued by a write; may be repeated
      --sealed                grants opening what is sealed for these deployments, the pod's namespace and the cluster
      --audience TEXT         of the pods' tokens (default: vault; with --own-token it must be the API server's)
      --type TYPE             of the auth method: kubernetes or jwt (default: kubernetes)
      --mount PATH            its mount (default: its type)
      --kv PATH               the KV mount (default: secret)
      --kv-version N          1 or 2 (default: 2)
      --transit PATH          the transit mount (default: transit)
  api               the policy and the role envtier-api of the secrets API
      --namespace NAME        of its pods (default: envtier-system)
      --account NAME          their service account (default: envtier-api)
      --beside-reveal         a policy that changes nothing of who has access: from then on only the Reveal program does.
                              It replaces the policy of an API alone, which --replace allows
      --audience TEXT, --type TYPE, --mount PATH, --kv PATH as for a role; it needs KV version 2
  reveal            the policies and the roles of the Reveal program: its own, one for a value and one for a restore; and
                    Vault's audit records its headers. Then run "api --beside-reveal --replace"
      --namespace NAME        of its pods (default: envtier-system)
      --account NAME          their service account (default: envtier-reveal)
      --audience TEXT, --type TYPE, --mount PATH, --kv PATH as for a role; it needs KV version 2
  controller        the policy and the role envtier-controller of the controller, which sees versions and no value
      --namespace NAME        of its pods (default: envtier-system)
      --account NAME          their service account (default: envtier-controller)
      --audience TEXT, --type TYPE, --mount PATH, --kv PATH as for a role; it needs KV version 2
  rotation          the policy and the role envtier-rotation of the controller's rotation of passwords, which writes values and reads none
      --namespace NAME        of its pods (default: envtier-system)
      --account NAME          their service account (default: envtier-controller)
      --audience TEXT, --type TYPE, --mount PATH, --kv PATH as for a role; it needs KV version 2
  managed-secrets   prints a Role of Kubernetes with which a namespace opts in to ManagedSecrets: pipe it to kubectl apply -f -
      --namespace NAME        the namespace
      --account A,B           its service accounts, as which the controller may read Vault
      --controller NAME       namespace of the controller (default: envtier-system)
  sealing           the transit engine for sealed values, and a policy for each namespace for those who seal them
      --namespace A,B         namespaces for whose pods they may seal
      --transit PATH          its mount (default: transit)

  audit             an audit device, which records who read which secret. OpenBao takes devices from its configuration
                    alone: there the command prints the lines for it, and fails until the device is there
      --file PATH             on the server, or stdout (default: /vault/audit/audit.log)

  --replace         overwrite a policy, role or configuration that is there with other contents; without it the script
                    shows the difference and changes nothing
  --print           print the commands instead of running them

Examples
  setup.sh auth-kubernetes --host https://10.0.0.1:6443 --ca ca.crt --reviewer-token token
  setup.sh role shop_web --namespace shop --account web --org acme --deployment shop --service web
  setup.sh role shop_web --namespace shop --account web --deployment shop --refresh --lease database/creds/readonly
  setup.sh role acme --namespace shop,blog --account '*' --org acme --own namespace
  setup.sh api
  setup.sh reveal
  setup.sh controller
  setup.sh rotation
  setup.sh managed-secrets --namespace shop --account web | kubectl apply -f -
  setup.sh sealing --namespace shop,blog
  setup.sh audit --file /var/log/vault/audit.log
USAGE
}

fail() {
	printf 'setup.sh: %s\n' "$1" >&2
	exit "${2:-1}"
}
wrong() { fail "$1 (setup.sh --help explains)" 2; }

# Values end up in paths, HCL and JSON: nothing that could leave its place gets through.
matches() { printf '%s' "$1" | grep -Eqx "$2" && [ "$(printf '%s' "$1" | wc -l)" -eq 0 ]; }
label='[a-z0-9]([-a-z0-9]*[a-z0-9])?'
check_name() { matches "$2" "$label(\.$label)*" || wrong "$1: \"$2\" is not a name: lower-case letters, digits, \"-\" and \".\""; }
check_mount() { matches "$2" '[A-Za-z0-9_][-A-Za-z0-9_.]*(/[A-Za-z0-9_][-A-Za-z0-9_.]*)*' || wrong "$1: \"$2\" is not a mount's path"; }
# check_lease VALUE: a path as in the annotation. Its parameters are no part of a policy.
check_lease() {
	matches "$1" '[^?]*([?][-A-Za-z0-9_.,:*@/+=&]+)?' && matches "${1%%\?*}" '[A-Za-z0-9_][-A-Za-z0-9_.]*(/[A-Za-z0-9_][-A-Za-z0-9_.]*)+' ||
		wrong "--lease: \"$1\" is not the path of a dynamic secret, such as database/creds/readonly"
	case /$(printf '%s' "${1%%\?*}" | tr '[:upper:]' '[:lower:]')/ in
		*/sys/* | */auth/* | */identity/* | */cubbyhole/*) wrong "--lease: \"$1\" is one of Vault's own paths" ;;
	esac
	case /${1%%\?*} in
		*"/$kv/"* | *"/$transit/"*) wrong "--lease: \"$1\" is in the mount $kv or $transit, which issue no leases" ;;
	esac
}
check_text() { matches "$2" '[-A-Za-z0-9:/._@]+' || wrong "$1: \"$2\" holds characters that have no place there"; }
check_file() { [ -r "$2" ] || fail "$1: cannot read $2"; }
check_names() {
	[ "$2" = '*' ] && return
	case ,$2, in *,,* | *[[:space:]]*) wrong "$1: \"$2\" must be names with one comma between them, without blanks" ;; esac
	for name in $(printf '%s' "$2" | tr ',' ' '); do check_name "$1" "$name"; done
}
need() { [ -n "$2" ] || wrong "$command needs $1"; }

# "a","b" from a,b
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/,/", "/g')"; }

find_cli() {
	for cli in "${VAULT_CLI:-}" vault bao; do
		if [ -n "$cli" ] && command -v "$cli" >/dev/null; then return; fi
	done
	fail 'neither vault nor bao is on PATH; VAULT_CLI names another'
}

# harmless < TEXT: the text without what a terminal obeys: control characters (C0; C1 as UTF-8 become "?"). Line breaks and tabs stay.
harmless() { LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C sed "s/$(printf '\302[\200-\237]')/?/g"; }

# vault_cli ARGUMENTS…: runs the command of Vault. What it says on standard error, which may be a server's text, is shown harmless.
vault_cli() {
	status=0
	"$cli" "$@" 2>"$work/said" || status=$?
	harmless <"$work/said" >&2
	return $status
}

# send ARGUMENTS… < STANDARD INPUT
send() {
	if [ -z "$print" ]; then
		vault_cli "$@" >/dev/null || fail "\"$cli $*\" failed: what it said stands above"
		return
	fi
	printf '%s %s <<'\''END'\''\n' "$cli" "$*"
	cat
	printf 'END\n\n'
}

# plan KIND NAME < CONTENTS: adds to what must be in Vault. KIND is policy (NAME is its name), role or config (NAME is a path).
plan() {
	planned=$((planned + 1))
	printf '%s' "$1" >"$work/$planned.kind"
	printf '%s' "$2" >"$work/$planned.name"
	cat >"$work/$planned.wanted"
}

# read_vault KIND NAME: writes what Vault has to $work/there. Fails when Vault has nothing.
read_vault() {
	case $1 in
		policy) set -- -field=policy "sys/policies/acl/$2" ;;
		*) set -- -format=json "$2" ;;
	esac
	if "$cli" read "$@" >"$work/there" 2>"$work/error"; then return; fi
	# Only this sentence means that there is nothing: whoever may not read does not overwrite.
	if grep -q 'No value found' "$work/error"; then return 1; fi
	harmless <"$work/error" >&2
	fail "\"$cli read $*\" failed: what it said stands above"
}

# comparable KIND FILE: contents in the form in which they are compared. Of a role or configuration these are the fields
# that the script sets; Vault keeps the others, and never gives the reviewer's token back.
comparable() {
	case $1 in
		policy) printf '%s\n' "$(cat "$2")" ;;
		*)
			awk -f "$here/flatten-json.awk" "$2" | sed 's/^data\.//' |
				awk -v fields="$(sed -n 's/^  "\([a-z_]*\)":.*/\1/p' "$wanted" | tr '\n' ' ')" '
					BEGIN { n = split(fields, names, " "); for (i = 1; i <= n; i++) known[names[i]] = 1 }
					{ name = $1; sub(/\..*/, "", name) }
					known[name] && name != "token_reviewer_jwt"' | LC_ALL=C sort -u
			;;
	esac
}

# compare N: says in $work/N.state whether Vault has the Nth thing: absent, same or different. Then N.difference shows how.
compare() {
	kind=$(cat "$work/$1.kind") name=$(cat "$work/$1.name") wanted=$work/$1.wanted
	state=absent
	if read_vault "$kind" "$name"; then
		comparable "$kind" "$work/there" >"$work/a"
		comparable "$kind" "$wanted" >"$work/b"
		state=same
		if ! cmp -s "$work/a" "$work/b"; then
			state=different
			{ diff -U 0 "$work/a" "$work/b" || :; } |
				sed '1,2d; /^@@/d; s/^[-+]/& /' | harmless >"$work/$1.difference"
		fi
	fi
	printf '%s' "$state" >"$work/$1.state"
}

# show N: what differs, "-" in Vault and "+" as it would become; at most a hundred lines.
show() {
	printf '%s %s is there with other contents:\n' "$(cat "$work/$1.kind")" "$(cat "$work/$1.name")"
	sed 's/^/  /; 100q' "$work/$1.difference"
}

# write N
write() {
	name=$(cat "$work/$1.name")
	case $(cat "$work/$1.kind") in
		policy) send policy write "$name" - <"$work/$1.wanted" ;;
		*) send write "$name" - <"$work/$1.wanted" ;;
	esac
}

# Compares everything first, so that a refusal leaves Vault as it was; then writes what is missing or to be replaced.
apply() {
	n=0 different=''
	while [ -z "$print" ] && [ $n -lt $planned ]; do
		n=$((n + 1))
		compare $n
		[ "$(cat "$work/$n.state")" != different ] || different="$different $n"
	done
	for n in $different; do
		if [ -z "$replace" ]; then show "$n" >&2; else show "$n"; fi
	done
	[ -z "$different" ] || [ -n "$replace" ] ||
		fail 'nothing was changed: choose another name, or use --replace to overwrite the contents shown above'
	[ -z "$print" ] || printf '%s\n\n' "$OVERWRITES"
	n=0
	while [ $n -lt $planned ]; do
		n=$((n + 1))
		# A configuration is always written: the reviewer's token in it cannot be compared.
		if [ -z "$print" ] && [ "$(cat "$work/$n.state")" = same ] && [ "$(cat "$work/$n.kind")" != config ]; then continue; fi
		write $n
	done
}
newline='
'
OVERWRITES='# Each command overwrites what has the same name. To compare first: setup.sh without --print, or envtier with --apply.'

# encoded PATH: a mount's path as a part of a policy's name. Vault keeps names of policies in lower case, and "_" parts them.
encoded() {
	printf '%s' "$1" | LC_ALL=C awk '
		BEGIN { for (n = 32; n < 127; n++) ascii = ascii sprintf("%c", n) }
		{
			for (i = 1; i <= length($0); i++) {
				c = substr($0, i, 1)
				if (c == "/") c = "."
				else if (c !~ /[-a-z0-9]/) c = sprintf("~%02x", index(ascii, c) + 31)
				printf "%s", c
			}
		}'
}

# A file's text as a JSON string. Certificates joined without a line break get one: Vault would take the first alone.
json_file() { printf '"%s"' "$(sed 's/\\/\\\\/g; s/"/\\"/g; s/-----END CERTIFICATE----------BEGIN/-----END CERTIFICATE-----\\n-----BEGIN/g' "$1" | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }')"; }

enable_auth() {
	if [ -z "$print" ]; then
		type=$("$cli" read -field=type "sys/auth/$mount" 2>/dev/null | harmless) || type=
		[ "$type" = "$1" ] && return
		[ -z "$type" ] || fail "the mount $mount is of type $type, not $1"
	fi
	send auth enable "-path=$mount" "$1" </dev/null
}

auth_kubernetes() {
	need --host "$host"
	need --ca "$ca"
	check_text --host "$host"
	check_file --ca "$ca"
	if [ -n "$own_token" ]; then
		[ -z "$reviewer_token" ] || wrong '--own-token and --reviewer-token exclude each other'
		reviewer='""'
	else
		[ -n "$reviewer_token" ] || wrong 'auth-kubernetes needs --reviewer-token or --own-token'
		check_file --reviewer-token "$reviewer_token"
		reviewer=$(json_file "$reviewer_token")
		[ -z "$print" ] || reviewer='"(the reviewer'\''s token, not printed)"'
	fi
	plan config "auth/$mount/config" <<JSON
{
  "kubernetes_host": "$host",
  "kubernetes_ca_cert": $(json_file "$ca"),
  "token_reviewer_jwt": $reviewer,
  "disable_local_ca_jwt": true
}
JSON
	enable_auth kubernetes
	apply
}

auth_jwt() {
	need --issuer "$issuer"
	need --jwks-url "$jwks_url"
	need --ca "$ca"
	check_text --issuer "$issuer"
	check_text --jwks-url "$jwks_url"
	check_file --ca "$ca"
	plan config "auth/$mount/config" <<JSON
{
  "jwks_url": "$jwks_url",
  "jwks_ca_pem": $(json_file "$ca"),
  "bound_issuer": "$issuer"
}
JSON
	enable_auth jwt
	apply
}

# policy FILE [FIELD…]: adds a policy to the plan and to those of the role. Its name holds its file's name and
# the fields that its text depends on, but for the KV version and the accessor, of which a mount has one at a time.
# SERVICE and NAMESPACE are filled in with the last field.
policy() {
	file=$1 last='' policy=envtier_$1
	shift
	for field in "$@"; do last=$field policy=${policy}_$field; done
	sed -e "s|@DATA@|$data|g; s|@METADATA@|$metadata|g; s|@ACCESSOR@|$accessor|g" \
		-e "s|@ORG@|$org|g; s|@DEPLOYMENT@|$deployment|g; s|@SERVICE@|$last|g" \
		-e "s|@TRANSIT@|$transit|g; s|@NAMESPACE@|$last|g; s|@DETAILED@|$kv/detailed-metadata|g; s|@LEASE@|$lease_path|g" "$here/policies/$file.hcl" >"$work/text"
	plan policy "$policy" <"$work/text"
	policies=${policies:+$policies,}$policy
}

# Earlier versions granted --own account the deployment of the account's name alone. Whoever could create a service account in that
# namespace could read any deployment by it.
refuse_earlier_own_account() {
	old=envtier-own-account-$(printf '%s' "$mount" | tr '/' '_')
	read_vault policy "$old" || return 0
	if [ -n "$replace" ]; then
		printf 'setup.sh: %s of an earlier version is still there; when no role grants it: %s policy delete %s\n' "$old" "$cli" "$old" >&2
		return
	fi
	roles='' looked_at=0
	for name in $("$cli" list -format=json "auth/$mount/role" 2>/dev/null | tr -d '[]", ' | harmless); do
		looked_at=$((looked_at + 1))
		if [ $looked_at -gt 200 ]; then
			roles="$roles … (the first 200 roles were looked at)"
			break
		fi
		if "$cli" read -format=json "auth/$mount/role/$name" 2>/dev/null | grep -q "\"$old\""; then roles="$roles $name"; fi
	done
	cat >&2 <<OLD
setup.sh: an earlier version wrote the policy $old, which is still there. It grants the deployment named like the service
account alone, so whoever may create a service account in that namespace reads any deployment by it.
  roles of auth/$mount that grant it:${roles:- none}
Deployments of --own account are called NAMESPACE.ACCOUNT now. To migrate:
  1. copy the secrets of deployments/ACCOUNT to deployments/NAMESPACE.ACCOUNT
  2. run this command with --replace for each of the roles; the annotation envtier.dev/deployment becomes NAMESPACE.ACCOUNT
  3. $cli policy delete $old
docs/vault-setup.md ("From earlier versions") shows each step.
OLD
	exit 1
}

bound_claims() {
	[ "$namespaces" = '*' ] || printf '"/kubernetes.io/namespace": [%s]' "$(quoted "$namespaces")"
	[ "$namespaces" = '*' ] || [ "$accounts" = '*' ] || printf ', '
	[ "$accounts" = '*' ] || printf '"/kubernetes.io/serviceaccount/name": [%s]' "$(quoted "$accounts")"
}

role() {
	need 'the name of the role' "$role"
	matches "$role" '[A-Za-z0-9][-A-Za-z0-9_.]*' || wrong "\"$role\" is not the name of a role"
	need --namespace "$namespaces"
	need --account "$accounts"
	check_names --namespace "$namespaces"
	check_names --account "$accounts"
	check_text --audience "$audience"
	check_mount --kv "$kv"
	[ -z "$org" ] || check_name --org "$org"
	[ -z "$deployment" ] || check_name --deployment "$deployment"
	for service in $services; do check_name --service "$service"; done
	[ -z "$services" ] || [ -n "$deployment" ] || wrong '--service needs --deployment'
	[ -n "$org$deployment$own$sealed" ] || wrong 'the role would grant nothing: give --org, --deployment, --own or --sealed'
	[ -z "$own" ] || [ -z "$deployment" ] || wrong '--own and --deployment exclude each other'
	[ "$namespaces" != '*' ] || [ "$accounts" = '*' ] || wrong 'an account'\''s name says nothing without its namespace: name the namespaces'
	case $kv_version in
		2) data=$kv/data metadata=$kv/metadata ;;
		1) data=$kv metadata=$kv ;;
		*) wrong '--kv-version is 1 or 2' ;;
	esac
	accessor=
	case $own in '' | namespace | account) ;; *) wrong '--own is namespace or account' ;; esac
	check_mount --transit "$transit"
	[ -z "$refresh" ] || [ "$kv_version" = 2 ] || wrong '--refresh needs KV version 2, which has versions'
	for lease in $leases; do check_lease "$lease"; done
	case $own$sealed in
		'') ;;
		*)
			accessor=$(vault_cli read -field=accessor "sys/auth/$mount") || fail "there is no auth method at $mount: see auth-kubernetes and auth-jwt"
			;;
	esac
	auth_field=$(encoded "$mount") kv_field=$(encoded "$kv") transit_field=$(encoded "$transit")
	if [ "$own" = account ]; then refuse_earlier_own_account; fi

	policies=
	policy session
	[ -z "$org" ] || policy org "$kv_field" "$org"
	[ -z "$deployment" ] || policy deployment "$kv_field" "$deployment"
	for service in $services; do policy service "$kv_field" "$deployment" "$service"; done
	[ -z "$own" ] || policy "own-$own" "$auth_field" "$kv_field"
	if [ -n "$refresh" ]; then
		[ -z "$org" ] || policy refresh-org "$kv_field" "$org"
		[ -z "$deployment" ] || policy refresh-deployment "$kv_field" "$deployment"
		for service in $services; do policy refresh-service "$kv_field" "$deployment" "$service"; done
		[ -z "$own" ] || policy "refresh-own-$own" "$auth_field" "$kv_field"
	fi
	[ -z "$leases" ] || policy lease-session
	for lease in $leases; do
		lease_path=${lease%%\?*} kind=lease
		case $lease in *\?*) kind=issue ;; esac
		policy "$kind" "$(encoded "$lease_path")"
	done
	if [ -n "$sealed" ]; then
		policy sealed "$auth_field" "$transit_field"
		[ -z "$deployment" ] || policy sealed-deployment "$auth_field" "$transit_field" "$deployment"
		[ -z "$own" ] || policy "sealed-own-$own" "$auth_field" "$transit_field"
	fi

	# A lease ends with its token. A periodic token has no maximum, and an hour outlives most outages of Vault.
	if [ -n "$leases" ]; then plan_role 0 0 3600 0; else plan_role 300 600 0 0; fi
	apply
	say_granted
}

# plan_role TTL MAX_TTL PERIOD USES: in seconds; 0 uses: any number, or what an administrator has set
plan_role() {
	sed -e "s|@ACCOUNTS@|$(quoted "$accounts")|; s|@NAMESPACES@|$(quoted "$namespaces")|; s|@AUDIENCE@|$audience|" \
		-e "s|@POLICIES@|$(quoted "$policies")|; s|@BOUND_CLAIMS@|$(bound_claims)|; s|@TTL@|$1|; s|@MAX_TTL@|$2|; s|@PERIOD@|$3|; s|@USES@|$4|" \
		-e '/"token_num_uses": 0,/d' \
		"$here/roles/$type.json" >"$work/text"
	plan role "auth/$mount/role/$role" <"$work/text"
	granted=$granted$(printf 'role %s of auth/%s grants %s' "$role" "$mount" "$policies")$newline
}
say_granted() { [ -n "$print" ] || printf '%s' "$granted"; }

# program NAME WHY: takes the options of one of Envtier's own programs, which needs KV version 2.
program() {
	namespaces=${namespaces:-envtier-system} accounts=${accounts:-envtier-$1}
	check_name --namespace "$namespaces"
	check_name --account "$accounts"
	check_text --audience "$audience"
	check_mount --kv "$kv"
	[ "$kv_version" = 2 ] || wrong "$2"
}

# program_policy NAME < POLICY: the policy of a program, for the KV mount of the options.
program_policy() {
	sed "s|\"secret/|\"$kv/|" >"$work/text"
	plan policy "envtier_$1_$(encoded "$kv")" <"$work/text"
}

# program_role NAME TTL MAX_TTL USES: the role that grants the policy of the same name.
program_role() {
	role=envtier-$1 policies=envtier_$1_$(encoded "$kv")
	plan_role "$2" "$3" 0 "$4"
}

# A program lives long and keeps its token alive; when the maximum comes it logs in again.
PROGRAM_TTLS='3600 86400'

api() {
	program api 'the secrets API needs KV version 2: it keeps what is known of a secret in its metadata'
	if [ -z "$beside_reveal" ]; then
		program_policy api <"$here/api-policy.hcl"
	else
		awk -f "$here/beside-reveal.awk" "$here/api-policy.hcl" >"$work/beside"
		program_policy api <"$work/beside"
	fi
	program_role api $PROGRAM_TTLS 0
	apply
	say_granted
}

controller() {
	program controller 'the controller needs KV version 2: it compares versions'
	program_policy controller <"$here/controller-policy.hcl"
	program_role controller $PROGRAM_TTLS 0
	apply
	say_granted
}

# Another role for the account of the controller, because this task may write.
rotation() {
	accounts=${accounts:-envtier-controller}
	program rotation 'the rotation needs KV version 2: it counts from the time of a version'
	program_policy rotation <"$here/rotation-policy.hcl"
	program_role rotation $PROGRAM_TTLS 0
	apply
	say_granted
}

# The uses of a login for one value: the read, and giving the token back. That for a restore writes as well.
reveal() {
	program reveal 'the Reveal program needs KV version 2: it shows and restores versions'
	for part in reveal reveal-value reveal-restore; do program_policy $part <"$here/$part-policy.hcl"; done
	program_role reveal $PROGRAM_TTLS 0
	program_role reveal-value 60 60 2
	program_role reveal-restore 60 60 3
	apply
	say_granted
	# Who sees a value, and why, in Vault's own audit.
	refused=''
	for header in actor reason elevation request; do
		path=sys/config/auditing/request-headers/x-envtier-$header
		if [ -n "$print" ]; then
			send write "$path" - <<-'JSON'
				{ "hmac": false }
			JSON
		else
			printf '{ "hmac": false }\n' | vault_cli write "$path" - >/dev/null || refused=yes
		fi
	done
	if [ -n "$refused" ]; then
		printf 'setup.sh: Vault does not audit the headers x-envtier-…: a token of its root namespace must write them (setup.sh --print reveal shows how)\n' >&2
	elif [ -z "$print" ]; then
		printf 'Vault audits the headers x-envtier-actor, -reason, -elevation and -request\n'
	fi
}

managed_secrets() {
	need --namespace "$namespaces"
	check_name --namespace "$namespaces"
	need --account "$accounts"
	[ "$accounts" != '*' ] || wrong '--account: name the service accounts, for a token of an account is power'
	check_names --account "$accounts"
	check_name --controller "$controller_namespace"
	sed -e '/^#/d' -e "s/namespace: shop$/namespace: \"$namespaces\"/" -e "s/\[web\]/[$(quoted "$accounts")]/" \
		-e "s/namespace: envtier-system$/namespace: \"$controller_namespace\"/" "$here/rbac/managed-secrets.yaml"
}

sealing() {
	need --namespace "$namespaces"
	[ "$namespaces" != '*' ] || wrong '--namespace: name the namespaces for which they may seal'
	check_names --namespace "$namespaces"
	check_mount --transit "$transit"
	type=
	[ -n "$print" ] || type=$("$cli" read -field=type "sys/mounts/$transit" 2>/dev/null | harmless) || type=
	case $type in
		transit) ;;
		'') send secrets enable "-path=$transit" transit </dev/null ;;
		*) fail "the mount $transit is of type $type, not transit" ;;
	esac
	policies='' accessor='' data='' metadata=''
	for namespace in $(printf '%s' "$namespaces" | tr ',' ' '); do policy sealer "$(encoded "$transit")" "$namespace"; done
	apply
	[ -n "$print" ] || printf 'sealing: the engine %s, and for those who seal %s\n' "$transit" "$policies"
}

# audit_stanza: the device as OpenBao's configuration has it.
audit_stanza() {
	printf 'audit "file" "envtier" {\n  options = {\n    file_path = "%s"\n  }\n}\n' "$audit_file"
}

audit() {
	# Audit devices are of the whole server.
	unset VAULT_NAMESPACE BAO_NAMESPACE
	matches "$audit_file" 'stdout|/[-A-Za-z0-9_./]+' || wrong "--file: \"$audit_file\" is neither an absolute path nor stdout"
	if [ -n "$print" ]; then
		send audit enable -path=envtier file "file_path=$audit_file" </dev/null
		printf '# OpenBao: in the configuration of each server, then SIGHUP or a restart\n'
		audit_stanza
		return
	fi
	"$cli" read -format=json sys/audit >"$work/there" 2>"$work/error" || {
		grep -q 'No value found' "$work/error" || {
			harmless <"$work/error" >&2
			fail 'the audit devices cannot be read: the token needs path "sys/audit" { capabilities = ["read", "sudo"] }'
		}
		: >"$work/there"
	}
	if awk -f "$here/flatten-json.awk" "$work/there" | grep -qFx "data.envtier/.options.file_path \"$audit_file\""; then
		printf 'audit: the device envtier writes to %s\n' "$audit_file"
		return
	fi
	if "$cli" audit enable -path=envtier file "file_path=$audit_file" >/dev/null 2>"$work/error"; then
		printf 'audit: the device envtier writes to %s. A second one keeps Vault working when this one fails\n' "$audit_file"
		return
	fi
	grep -qi 'declarative' "$work/error" || {
		harmless <"$work/error" >&2
		fail 'the device cannot be enabled: what the server said stands above'
	}
	audit_stanza
	fail 'this server takes audit devices from its configuration alone: add the lines above on each server, then send it SIGHUP or restart it'
}

print='' replace='' command='' role='' mount='' host='' ca='' reviewer_token='' own_token='' issuer='' jwks_url=''
namespaces='' accounts='' org='' deployment='' services='' own='' sealed='' refresh='' leases='' lease_path='' beside_reveal='' granted='' transit=transit audience=vault type='' kv=secret kv_version=2 audit_file=/vault/audit/audit.log
controller_namespace=envtier-system
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		--print) print=yes; shift; continue ;;
		--replace) replace=yes; shift; continue ;;
		--own-token) own_token=yes; shift; continue ;;
		--sealed) sealed=yes; shift; continue ;;
		--beside-reveal) beside_reveal=yes; shift; continue ;;
		--refresh) refresh=yes; shift; continue ;;
		--*)
			[ $# -gt 1 ] || wrong "$1 needs a value"
			case $1 in
				--mount) mount=$2 ;;
				--host) host=$2 ;;
				--ca) ca=$2 ;;
				--reviewer-token) reviewer_token=$2 ;;
				--issuer) issuer=$2 ;;
				--jwks-url) jwks_url=$2 ;;
				--namespace) namespaces=$2 ;;
				--account) accounts=$2 ;;
				--controller) controller_namespace=$2 ;;
				--org) org=$2 ;;
				--deployment) deployment=$2 ;;
				--service) services="$services $2" ;;
				--own) own=$2 ;;
				--lease)
					case $2 in '' | *[[:space:]]*) wrong "--lease: \"$2\" is not the path of a dynamic secret" ;; esac
					leases="$leases $2"
					;;
				--audience) audience=$2 ;;
				--type) type=$2 ;;
				--kv) kv=$2 ;;
				--transit) transit=$2 ;;
				--file) audit_file=$2 ;;
				--kv-version) kv_version=$2 ;;
				*) wrong "there is no option $1" ;;
			esac
			shift 2
			;;
		*)
			case $command$role/$1 in
				/auth-kubernetes | /auth-jwt | /role | /api | /reveal | /controller | /rotation | /managed-secrets | /sealing | /audit) command=$1 ;;
				/*) wrong "there is no command $1" ;;
				role/*) role=$1 ;;
				*) wrong "unexpected: $1" ;;
			esac
			shift
			;;
	esac
done

case $command in
	auth-kubernetes) type=kubernetes ;;
	auth-jwt) type=jwt ;;
	role | api | reveal | controller | rotation | managed-secrets | sealing | audit) type=${type:-kubernetes} ;;
	'') usage >&2; exit 2 ;;
esac
case $type in kubernetes | jwt) ;; *) wrong '--type is kubernetes or jwt' ;; esac
mount=${mount:-$type}
check_mount --mount "$mount"
case $mount in auth/*) wrong "--mount must be without \"auth/\": ${mount#auth/}" ;; esac
# It asks no Vault.
if [ "$command" = managed-secrets ]; then
	managed_secrets
	exit
fi
find_cli
planned=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
case $command in
	auth-kubernetes) auth_kubernetes ;;
	auth-jwt) auth_jwt ;;
	role) role ;;
	api) api ;;
	reveal) reveal ;;
	controller) controller ;;
	rotation) rotation ;;
	sealing) sealing ;;
	audit) audit ;;
esac
