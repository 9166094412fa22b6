# Versions of the tiers of own-account, in one request and without values, for sidecars that keep files current.
path "@DETAILED@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/" {
  capabilities = ["list"]
}
path "@DETAILED@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets/" {
  capabilities = ["list"]
}
