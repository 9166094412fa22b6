// Reads env files as the kubelet does for fileKeyRef. Each line of the input is a JSON object {"file": …, "keys": […]};
// each line of the output is the list of their values, or {"error": …}.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"k8s.io/kubernetes/pkg/kubelet/util/env"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var asked struct {
			File string
			Keys []string
		}
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			panic(err)
		}
		values := []string{}
		var failure error
		for _, key := range asked.Keys {
			value, err := env.ParseEnv(asked.File, key)
			if err != nil {
				failure = err
				break
			}
			values = append(values, value)
		}
		if failure != nil {
			output.Encode(map[string]string{"error": failure.Error()})
			continue
		}
		output.Encode(values)
	}
}
