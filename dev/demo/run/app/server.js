// The application of examples/pod.yaml in the demo. It reports its environment to the demo, which started it.
import process from 'node:process';

process.stdout.write(JSON.stringify(process.env));
