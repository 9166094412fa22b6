# Every fetch: give the login's token back at the end. The policy "default" is not needed, and not granted.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
