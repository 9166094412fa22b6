module envtier.dev/test/env-files

go 1.24

require (
	github.com/containers/podman/v5 v5.6.2
	github.com/docker/cli v29.9.3+incompatible
)

require gotest.tools/v3 v3.5.2 // indirect
