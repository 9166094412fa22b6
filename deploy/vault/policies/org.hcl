# The organization's tier: what every deployment of @ORG@ shares.
path "@METADATA@/orgs/@ORG@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/orgs/@ORG@/secrets/+" {
  capabilities = ["read"]
}
