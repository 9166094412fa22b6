# Versions of the service's tier, in one request and without values, for sidecars that keep files current.
path "@DETAILED@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/" {
  capabilities = ["list"]
}
