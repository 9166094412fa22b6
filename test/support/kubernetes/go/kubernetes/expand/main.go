// Expands values of environment variables as the kubelet does before it starts a container (EnvVar.value, Container.command and
// Container.args). Each line of the input is a JSON string, and so is each line of the output. No variable is known.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	output := json.NewEncoder(os.Stdout)
	unknown := expansion.MappingFuncFor(map[string]string{})
	for input.Scan() {
		var value string
		if err := json.Unmarshal(input.Bytes(), &value); err != nil {
			panic(err)
		}
		output.Encode(expansion.Expand(value, unknown))
	}
}
