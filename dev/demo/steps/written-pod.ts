import { readFile } from 'node:fs/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ANNOTATION_PREFIX } from '../../../contract/names.ts';
import type { Screen } from '../screen.ts';

/** Shows the file of a pod. Returns the pod. */
export async function showWrittenPod(screen: Screen, file: string): Promise<V1Pod> {
	const text = await readFile(file, 'utf8');
	const pod = parse(text) as Partial<V1Pod> | null;
	if (pod?.kind !== 'Pod')
		throw new Error(`${file} holds no pod but ${pod?.kind ?? 'nothing that has a kind'}`);
	screen.heading(`1  The pod, as you would write it: ${file}`);
	const lines = text.trimEnd().split('\n');
	screen.show(lines.map((line) => (line.includes(ANNOTATION_PREFIX) ? screen.paint('strong', line) : line)));
	return pod;
}
