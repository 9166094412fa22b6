// Reads env files with docker's and podman's own readers. Each line of standard input is a JSON string, the name of a file; each line of
// standard output holds what both read, or their errors.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"

	podman "github.com/containers/podman/v5/pkg/env"
	docker "github.com/docker/cli/pkg/kvfile"
)

type answer struct {
	Docker map[string]string `json:"docker"`
	Podman map[string]string `json:"podman"`
	Errors []string          `json:"errors"`
}

func read(file string) answer {
	found := answer{Docker: map[string]string{}, Errors: []string{}}
	lines, err := docker.Parse(file, nil)
	if err != nil {
		found.Errors = append(found.Errors, "docker: "+err.Error())
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		found.Docker[name] = value
	}
	if found.Podman, err = podman.ParseFile(file); err != nil {
		found.Errors = append(found.Errors, "podman: "+err.Error())
	}
	return found
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for input.Scan() {
		var file string
		if err := json.Unmarshal(input.Bytes(), &file); err != nil {
			panic(err)
		}
		if err := output.Encode(read(file)); err != nil {
			panic(err)
		}
	}
}
