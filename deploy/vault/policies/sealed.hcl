# Sealed values of the pod's own namespace, and of the cluster. The namespace comes from the login, so that no pod can claim another's; the name of the
# transit key is what binds, for the context that a key is derived with is chosen by whoever asks.
path "@TRANSIT@/decrypt/envtier-namespace_{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}" {
  capabilities = ["update"]
}
path "@TRANSIT@/decrypt/envtier-cluster" {
  capabilities = ["update"]
}
