# Turns api-policy.hcl into the policy of an API beside the Reveal program: it reads who has access, and changes nothing of it.
/^path "[^"]*data\/registry\/access\/\*"/ {
	sub(/\[.*\]/, "[\"read\"]")
	print
	sub(/data\/registry\/access\/\*"/, "metadata/registry/access/*\"")
	sub(/\[.*\]/, "[\"read\", \"list\"]")
}
{ print }
