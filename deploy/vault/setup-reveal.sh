#!/bin/sh
# Sets Vault or OpenBao up for the Reveal program beside the secrets API, with the `vault` or `bao` command and the address and
# token that it is given. Run `setup.sh api` first. Safe to run again. It replaces the API's policy by one that only reads who has
# access: from then on only the Reveal program changes that.
set -euf
umask 077
here=$(dirname "$0")

usage() {
	cat <<'USAGE'
Usage: setup-reveal.sh [options]

  --namespace NAME  of the Reveal program's pods (default: envtier-system)
  --account NAME    their service account (default: envtier-reveal)
  --audience TEXT   of their tokens for Vault (default: vault)
  --type TYPE       of the auth method: kubernetes or jwt (default: kubernetes)
  --mount PATH      its mount (default: its type)
  --kv PATH         the KV mount, version 2 (default: secret)
USAGE
}

fail() {
	printf 'setup-reveal.sh: %s\n' "$1" >&2
	exit "${2:-1}"
}
# Values end up in paths and policies: nothing that could leave its place gets through.
check() {
	printf '%s' "$2" | grep -Eqx '[A-Za-z0-9_][-A-Za-z0-9_./:]*' && [ "$(printf '%s' "$2" | wc -l)" -eq 0 ] ||
		fail "$1: \"$2\" holds characters that have no place there" 2
}

namespace=envtier-system account=envtier-reveal audience=vault type=kubernetes mount='' kv=secret
while [ $# -gt 0 ]; do
	case $1 in
	--help)
		usage
		exit
		;;
	--namespace | --account | --audience | --type | --mount | --kv)
		[ $# -gt 1 ] || fail "$1 needs a value" 2
		check "$1" "$2"
		eval "${1#--}=\$2"
		shift 2
		;;
	*) fail "unknown option: $1 (--help explains)" 2 ;;
	esac
done
mount=${mount:-$type}
case $type in kubernetes | jwt) ;; *) fail '--type is kubernetes or jwt' 2 ;; esac

for cli in "${VAULT_CLI:-}" vault bao ''; do
	if [ -n "$cli" ] && command -v "$cli" >/dev/null; then break; fi
done
[ -n "$cli" ] || fail 'neither vault nor bao is on PATH; VAULT_CLI names another'

# policy NAME < HCL for the mount "secret"
policy() {
	sed "s|\"secret/|\"$kv/|" | "$cli" policy write "$1" - >/dev/null
	printf 'policy %s\n' "$1"
}

# role NAME POLICY SETTINGS…
role() {
	name=$1 grants=$2
	shift 2
	if [ "$type" = kubernetes ]; then
		set -- "bound_service_account_names=$account" "bound_service_account_namespaces=$namespace" "audience=$audience" "$@"
	else
		set -- role_type=jwt user_claim=sub "bound_subject=system:serviceaccount:$namespace:$account" "bound_audiences=$audience" "$@"
	fi
	"$cli" write "auth/$mount/role/$name" "token_policies=$grants" token_no_default_policy=true "$@" >/dev/null
	printf 'role %s of auth/%s grants %s\n' "$name" "$mount" "$grants"
}

# As in setup.sh, so that the API's policy is the same one.
case $kv in *[!-a-z0-9/]*) fail '--kv: only lower-case letters, digits, "-" and "/"' 2 ;; esac
encoded=$(printf '%s' "$kv" | tr / .)
policy "envtier_reveal_$encoded" <"$here/reveal-policy.hcl"
policy "envtier_reveal_value_$encoded" <"$here/reveal-value-policy.hcl"
policy "envtier_reveal_restore_$encoded" <"$here/reveal-restore-policy.hcl"
role envtier-reveal "envtier_reveal_$encoded" token_ttl=1h token_max_ttl=24h
role envtier-reveal-value "envtier_reveal_value_$encoded" token_ttl=60s token_max_ttl=60s token_num_uses=2
role envtier-reveal-restore "envtier_reveal_restore_$encoded" token_ttl=60s token_max_ttl=60s token_num_uses=3

# Who sees a value, and why, in Vault's own audit.
for header in actor reason elevation request; do
	"$cli" write "sys/config/auditing/request-headers/x-envtier-$header" hmac=false >/dev/null
done
printf 'Vault audits the headers x-envtier-actor, -reason, -elevation and -request\n'

# Last: until then the API changes who has access, as before.
awk -f "$here/beside-reveal.awk" "$here/api-policy.hcl" | policy "envtier_api_$encoded"
