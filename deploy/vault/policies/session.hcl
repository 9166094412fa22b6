# Every fetch: give the login's token back at the end. The policy "default" is not needed, and not granted.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
# After a refusal: tell a policy that is missing from a token that is gone. It shows what the login gave, and no secret.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
