# For people and pipelines: sealing values for the deployments of namespace @NAMESPACE@ and for the namespace itself, and opening none. A key is made when
# something is sealed with it for the first time ("create").
path "@TRANSIT@/encrypt/envtier-deployment_@NAMESPACE@_*" {
  capabilities = ["create", "update"]
}
path "@TRANSIT@/encrypt/envtier-namespace_@NAMESPACE@" {
  capabilities = ["create", "update"]
}
