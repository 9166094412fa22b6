# Values sealed for the deployment that bears the pod's namespace's name, there.
path "@TRANSIT@/decrypt/envtier-deployment_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}" {
  capabilities = ["update"]
}
