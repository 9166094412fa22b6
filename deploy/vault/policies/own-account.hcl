# One policy for all deployments of one namespace: a pod reads the deployment that bears its service account's name, with all its
# services. Service accounts of other namespaces may bear the same name: grant it by roles that are bound to one namespace.
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/+" {
  capabilities = ["read"]
}
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets/+" {
  capabilities = ["read"]
}
