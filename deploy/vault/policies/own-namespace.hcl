# One policy for all: a pod reads the deployment that bears its namespace's name, and the service that bears its service account's.
# Both names come from the login, so that no pod can claim another's.
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/secrets" {
  capabilities = ["read"]
}
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/services/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/services/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}/services/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets" {
  capabilities = ["read"]
}
