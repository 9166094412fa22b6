# Values sealed for the deployment that bears the pod's service account's name, in the pod's own namespace.
path "@TRANSIT@/decrypt/envtier-deployment_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}" {
  capabilities = ["update"]
}
