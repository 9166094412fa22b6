# Values sealed for the deployment NAMESPACE.ACCOUNT of the pod's own namespace and service account, in that namespace.
path "@TRANSIT@/decrypt/envtier-deployment_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}.{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}" {
  capabilities = ["update"]
}
