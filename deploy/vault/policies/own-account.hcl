# One policy for all: a pod reads the deployment NAMESPACE.ACCOUNT of its own namespace and service account, with all its services.
# Both names come from the login, and no namespace holds a dot, so that no other namespace and account make the same name.
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/secrets" {
  capabilities = ["read"]
}
path "@METADATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}/services/+/secrets" {
  capabilities = ["read"]
}
