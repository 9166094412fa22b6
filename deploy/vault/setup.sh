#!/bin/sh
# Sets Vault or OpenBao up for Envtier, with the `vault` or `bao` command and the address and token that it is given
# (VAULT_ADDR, VAULT_TOKEN, … or BAO_ADDR, BAO_TOKEN, …). Safe to run again: the same arguments give the same result.
set -euf
here=$(dirname "$0")

usage() {
	cat <<'USAGE'
Usage: setup.sh [--print] COMMAND [options]

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
      --own namespace         grants each pod the deployment named like its namespace and the service named like its account, or
      --own account           the deployment named like its account, with all services; for one namespace alone
      --sealed                grants opening what is sealed for these deployments, the pod's namespace and the cluster
      --audience TEXT         of the pods' tokens (default: vault; with --own-token it must be the API server's)
      --type TYPE             of the auth method: kubernetes or jwt (default: kubernetes)
      --mount PATH            its mount (default: its type)
      --kv PATH               the KV mount (default: secret)
      --kv-version N          1 or 2 (default: 2)
      --transit PATH          the transit mount (default: transit)
  api               what the secrets API may do, which opens no value, and its role: both are called envtier-api
      --namespace NAME        of its pods (default: envtier-system)
      --account NAME          their service account (default: envtier-api)
      --audience TEXT, --type TYPE, --mount PATH, --kv PATH as for a role; it needs KV version 2
  sealing           the transit engine for sealed values, and a policy envtier-sealer-NAMESPACE for those who seal them
      --namespace A,B         namespaces for whose pods they may seal
      --transit PATH          its mount (default: transit)

  --print           print what would be sent instead of sending it; only the mount's accessor is asked for

Examples
  setup.sh auth-kubernetes --host https://10.0.0.1:6443 --ca ca.crt --reviewer-token token
  setup.sh role web --namespace shop --account web --org acme --deployment shop --service web
  setup.sh role acme --namespace shop,blog --account '*' --org acme --own namespace
  setup.sh api
  setup.sh sealing --namespace shop,blog
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
check_mount() { matches "$2" '[A-Za-z0-9_][-A-Za-z0-9_]*(/[A-Za-z0-9_][-A-Za-z0-9_]*)*' || wrong "$1: \"$2\" is not a mount's path"; }
check_text() { matches "$2" '[-A-Za-z0-9:/._@]+' || wrong "$1: \"$2\" holds characters that have no place there"; }
check_file() { [ -r "$2" ] || fail "$1: cannot read $2"; }
check_names() {
	[ "$2" = '*' ] && return
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

# send ARGUMENTS… < STANDARD INPUT
send() {
	if [ -z "$print" ]; then
		"$cli" "$@" >/dev/null || fail "\"$cli $*\" failed: what it said stands above"
		return
	fi
	printf '%s %s <<'\''END'\''\n' "$cli" "$*"
	cat
	printf 'END\n\n'
}

# A file's text as a JSON string. Certificates joined without a line break get one: Vault would take the first alone.
json_file() { printf '"%s"' "$(sed 's/\\/\\\\/g; s/"/\\"/g; s/-----END CERTIFICATE----------BEGIN/-----END CERTIFICATE-----\\n-----BEGIN/g' "$1" | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }')"; }

enable_auth() {
	if [ -z "$print" ]; then
		type=$("$cli" read -field=type "sys/auth/$mount" 2>/dev/null) || type=
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
	enable_auth kubernetes
	send write "auth/$mount/config" - <<JSON
{
  "kubernetes_host": "$host",
  "kubernetes_ca_cert": $(json_file "$ca"),
  "token_reviewer_jwt": $reviewer,
  "disable_local_ca_jwt": true
}
JSON
}

auth_jwt() {
	need --issuer "$issuer"
	need --jwks-url "$jwks_url"
	need --ca "$ca"
	check_text --issuer "$issuer"
	check_text --jwks-url "$jwks_url"
	check_file --ca "$ca"
	enable_auth jwt
	send write "auth/$mount/config" - <<JSON
{
  "jwks_url": "$jwks_url",
  "jwks_ca_pem": $(json_file "$ca"),
  "bound_issuer": "$issuer"
}
JSON
}

# policy NAME FILE SERVICE: renders a policy, writes it, and adds it to those of the role.
policy() {
	sed -e "s|@DATA@|$data|g; s|@METADATA@|$metadata|g; s|@ACCESSOR@|$accessor|g" \
		-e "s|@ORG@|$org|g; s|@DEPLOYMENT@|$deployment|g; s|@SERVICE@|$3|g" \
		-e "s|@TRANSIT@|$transit|g; s|@NAMESPACE@|$3|g" "$here/policies/$2.hcl" | send policy write "$1" -
	policies=${policies:+$policies,}$1
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
	case $own$sealed in
		'') ;;
		*)
			accessor=$("$cli" read -field=accessor "sys/auth/$mount") || fail "there is no auth method at $mount: see auth-kubernetes and auth-jwt"
			;;
	esac
	case $own/$namespaces in
		account/'*' | account/*,*) wrong '--own account is for one namespace: accounts of several may bear the same name' ;;
	esac

	policies=
	policy envtier-session session ''
	[ -z "$org" ] || policy "envtier-org-$org" org ''
	[ -z "$deployment" ] || policy "envtier-deployment-$deployment" deployment ''
	# No name holds an underscore, so "a-b" of "c" and "b" of "c-a" stay apart.
	for service in $services; do policy "envtier-service-${deployment}_$service" service "$service"; done
	[ -z "$own" ] || policy "envtier-own-$own-$(printf '%s' "$mount" | tr '/' '_')" "own-$own" ''

	if [ -n "$sealed" ]; then
		on=$(printf '%s' "$mount" | tr '/' '_')
		policy "envtier-sealed-$on" sealed ''
		[ -z "$deployment" ] || policy "envtier-sealed-${on}_$deployment" sealed-deployment ''
		[ -z "$own" ] || policy "envtier-sealed-own-$own-$on" "sealed-own-$own" ''
	fi

	write_role 5m 10m
}

# write_role TTL MAX_TTL
write_role() {
	sed -e "s|@ACCOUNTS@|$(quoted "$accounts")|; s|@NAMESPACES@|$(quoted "$namespaces")|; s|@AUDIENCE@|$audience|" \
		-e "s|@POLICIES@|$(quoted "$policies")|; s|@BOUND_CLAIMS@|$(bound_claims)|; s|@TTL@|$1|; s|@MAX_TTL@|$2|" \
		"$here/roles/$type.json" | send write "auth/$mount/role/$role" -
	[ -n "$print" ] || printf 'role %s of auth/%s grants %s\n' "$role" "$mount" "$policies"
}

api() {
	role=envtier-api policies=envtier-api namespaces=${namespaces:-envtier-system} accounts=${accounts:-envtier-api}
	check_name --namespace "$namespaces"
	check_name --account "$accounts"
	check_text --audience "$audience"
	check_mount --kv "$kv"
	[ "$kv_version" = 2 ] || wrong 'the secrets API needs KV version 2: it keeps what is known of a secret in its metadata'
	sed "s|\"secret/|\"$kv/|" "$here/api-policy.hcl" | send policy write "$policies" -
	# It lives long and keeps its token alive; when the maximum comes it logs in again.
	write_role 1h 24h
}

sealing() {
	need --namespace "$namespaces"
	[ "$namespaces" != '*' ] || wrong '--namespace: name the namespaces for which they may seal'
	check_names --namespace "$namespaces"
	check_mount --transit "$transit"
	type=
	[ -n "$print" ] || type=$("$cli" read -field=type "sys/mounts/$transit" 2>/dev/null) || type=
	case $type in
		transit) ;;
		'') send secrets enable "-path=$transit" transit </dev/null ;;
		*) fail "the mount $transit is of type $type, not transit" ;;
	esac
	policies='' accessor='' data='' metadata=''
	for namespace in $(printf '%s' "$namespaces" | tr ',' ' '); do policy "envtier-sealer-$namespace" sealer "$namespace"; done
	[ -n "$print" ] || printf 'sealing: the engine %s, and for those who seal %s\n' "$transit" "$policies"
}

print='' command='' role='' mount='' host='' ca='' reviewer_token='' own_token='' issuer='' jwks_url=''
namespaces='' accounts='' org='' deployment='' services='' own='' sealed='' transit=transit audience=vault type='' kv=secret kv_version=2
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		--print) print=yes; shift; continue ;;
		--own-token) own_token=yes; shift; continue ;;
		--sealed) sealed=yes; shift; continue ;;
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
				--org) org=$2 ;;
				--deployment) deployment=$2 ;;
				--service) services="$services $2" ;;
				--own) own=$2 ;;
				--audience) audience=$2 ;;
				--type) type=$2 ;;
				--kv) kv=$2 ;;
				--transit) transit=$2 ;;
				--kv-version) kv_version=$2 ;;
				*) wrong "there is no option $1" ;;
			esac
			shift 2
			;;
		*)
			case $command$role/$1 in
				/auth-kubernetes | /auth-jwt | /role | /api | /sealing) command=$1 ;;
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
	role | api | sealing) type=${type:-kubernetes} ;;
	'') usage >&2; exit 2 ;;
esac
case $type in kubernetes | jwt) ;; *) wrong '--type is kubernetes or jwt' ;; esac
mount=${mount:-$type}
check_mount --mount "$mount"
find_cli
case $command in
	auth-kubernetes) auth_kubernetes ;;
	auth-jwt) auth_jwt ;;
	role) role ;;
	api) api ;;
	sealing) sealing ;;
esac
