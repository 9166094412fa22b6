# Versions of the deployment's tier, in one request and without values, for sidecars that keep files current.
path "@DETAILED@/deployments/@DEPLOYMENT@/secrets/" {
  capabilities = ["list"]
}
