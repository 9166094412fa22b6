# Values sealed for @DEPLOYMENT@ in the pod's own namespace.
path "@TRANSIT@/decrypt/envtier-deployment_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}_@DEPLOYMENT@" {
  capabilities = ["update"]
}
