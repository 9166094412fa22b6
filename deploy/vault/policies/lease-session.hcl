# Leases: a pod keeps its token and its leases alive. It ends them by revoke-self of the token. sys/leases/revoke is not granted,
# because a pod could end another pod's lease with it.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/leases/renew" {
  capabilities = ["update"]
}
