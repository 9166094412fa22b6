# Versions of the organization's tier, in one request and without values, for sidecars that keep files current.
path "@DETAILED@/orgs/@ORG@/secrets/" {
  capabilities = ["list"]
}
