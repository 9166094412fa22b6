# The service's tier: what @SERVICE@ of @DEPLOYMENT@ alone reads.
path "@METADATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/+" {
  capabilities = ["read"]
}
