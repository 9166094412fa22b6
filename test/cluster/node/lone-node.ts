/**
 * A node in its own process, for the test that kills that process. Writes its directory when a pod runs on
 * it.
 */
import process from 'node:process';
import { startNode } from '../../support/kubernetes/node/node.ts';
import { createPod, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { untilReady } from '../../support/kubernetes/run-pod.ts';

const node = await startNode((line) => process.stderr.write(`${line}\n`));
if (!node.ok) throw new Error(node.error);
const namespace = await node.value.createNamespace();
const sleeper = { ...MAIN, image: 'localhost/busybox:1', command: ['sleep', '600'] };
await createPod(node.value, namespace, podOf({ spec: { containers: [sleeper] } }));
await untilReady(node.value, namespace, 'web');
process.stdout.write(`${JSON.stringify({ dir: node.value.dir })}\n`);
