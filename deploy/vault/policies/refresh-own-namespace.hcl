# Versions of the tiers of own-namespace, in one request and without values, for sidecars that keep files current.
path "@DETAILED@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/secrets/" {
  capabilities = ["list"]
}
path "@DETAILED@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/services/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/" {
  capabilities = ["list"]
}
