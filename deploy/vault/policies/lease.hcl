# A dynamic secret that is issued by a read. What it may do is set by the engine's role.
path "@LEASE@" {
  capabilities = ["read"]
}
