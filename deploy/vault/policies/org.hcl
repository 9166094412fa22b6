# The organization's tier: what every deployment of @ORG@ shares.
path "@METADATA@/orgs/@ORG@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/orgs/@ORG@/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/orgs/@ORG@/secrets" {
  capabilities = ["read"]
}
