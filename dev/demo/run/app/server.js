// Stands for the application of examples/pod.yaml: tells the demo, which started it, what its environment holds.
import process from 'node:process';

process.stdout.write(JSON.stringify(process.env));
