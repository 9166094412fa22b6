# A dynamic secret that is issued by a write with parameters. Which ones are allowed is set by the engine's role.
path "@LEASE@" {
  capabilities = ["update"]
}
