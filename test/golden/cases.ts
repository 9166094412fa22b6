import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Namespace } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { RequestOverrides } from '../webhook/support/request.ts';
import type { Env } from '../webhook/support/settings.ts';

/** One golden folder: a pod, its request and the settings. */
export interface GoldenCase {
	/** The folder's name: a sentence that says what is true of the pod. */
	readonly sentence: string;
	readonly folder: string;
	readonly pod: unknown;
	/** `ENVTIER_*` variables besides the least that the webhook starts with. */
	readonly settings: Env;
	readonly request: RequestOverrides;
	/** The pod's namespace, where its labels matter; empty elsewhere. */
	readonly namespace: V1Namespace;
}

/** The golden folders, in the order of their names. */
export function goldenCases(): readonly GoldenCase[] {
	return readdirSync(import.meta.dirname, { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => {
			const folder = join(import.meta.dirname, name);
			return {
				sentence: name.replaceAll('-', ' '),
				folder,
				pod: parse(readFileSync(join(folder, 'pod.yaml'), 'utf8')),
				settings: optional(join(folder, 'settings.yaml')) as Env,
				request: optional(join(folder, 'request.yaml')) as RequestOverrides,
				namespace: optional(join(folder, 'namespace.yaml')) as V1Namespace,
			};
		});
}

function optional(file: string): unknown {
	return existsSync(file) ? parse(readFileSync(file, 'utf8')) : {};
}
