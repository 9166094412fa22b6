import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { V1Pod } from '@kubernetes/client-node';
import type { Operation } from 'fast-json-patch';
import type { VariableName } from '../../../contract/variables.ts';
import { call } from '../../../test/support/http.ts';
import { startProcess } from '../../../test/support/process.ts';
import { makeAuthority } from '../../../test/support/tls.ts';
import { patched, review } from '../../../test/webhook/support/request.ts';
import { builtProgram } from './programs.ts';

/** The webhook's response about a pod. */
type Answer =
	| {
			readonly allowed: true;
			readonly pod: V1Pod;
			readonly operations: number;
			readonly warnings: readonly string[];
			readonly milliseconds: number;
	  }
	| { readonly allowed: false; readonly reason: string; readonly message: string };

/** The built webhook as a separate process. */
export interface Webhook extends AsyncDisposable {
	/** The URL that an API server would call. */
	readonly url: string;
	/** Sends an AdmissionReview for the creation of a pod over TLS, as an API server does. */
	ask(pod: V1Pod): Promise<Answer>;
}

/** The fields of an AdmissionReview's response (`admission.k8s.io/v1`) that the demo reads. */
interface Response {
	readonly allowed: boolean;
	readonly patch?: string;
	readonly warnings?: readonly string[];
	readonly status?: { readonly reason?: string; readonly message?: string };
}

/**
 * Starts dist/webhook.mjs on a free port, with a new certificate.
 *
 * @param dir an empty directory for the certificate
 */
export async function startWebhook(
	dir: string,
	env: Partial<Record<VariableName, string>>,
): Promise<Webhook> {
	const authority = await makeAuthority('Envtier demo CA');
	const leaf = await authority.issue();
	const certificate = join(dir, 'tls.crt');
	const key = join(dir, 'tls.key');
	await writeFile(certificate, leaf.certPem);
	await writeFile(key, leaf.keyPem, { mode: 0o600 });
	const webhook = await startProcess({
		name: 'the webhook',
		command: process.execPath,
		args: [await builtProgram('webhook')],
		env: {
			ENVTIER_LISTEN: '127.0.0.1:0',
			ENVTIER_TLS_CERT_FILE: certificate,
			ENVTIER_TLS_KEY_FILE: key,
			...env,
		},
	});
	try {
		await webhook.waitUntil('it serves', () => servingPort(webhook.stdout()) !== undefined);
	} catch (thrown) {
		await webhook.stop();
		throw thrown;
	}
	const url = `https://127.0.0.1:${servingPort(webhook.stdout())}/mutate`;
	return {
		url,
		ask: (pod) => ask(url, authority.certPem, pod),
		[Symbol.asyncDispose]: async () => void (await webhook.stop()),
	};
}

/** The port that the kernel chose, from the webhook's log. */
function servingPort(log: string): number | undefined {
	const line = log.split('\n').find((text) => text.includes('"msg":"serving"'));
	return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port;
}

async function ask(url: string, caPem: string, pod: V1Pod): Promise<Answer> {
	const namespace = pod.metadata?.namespace ?? 'default';
	const started = performance.now();
	const answer = await call({ url, method: 'POST', body: review(pod, { namespace }), caPem });
	const milliseconds = Math.round(performance.now() - started);
	if (answer.status !== 200) throw new Error(`the webhook answered ${answer.status}: ${answer.text.trim()}`);
	const { response } = answer.json as { response: Response };
	if (!response.allowed) {
		const { reason = '', message = '' } = response.status ?? {};
		return { allowed: false, reason, message };
	}
	const operations: Operation[] =
		response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'));
	return {
		allowed: true,
		pod: patched(pod, operations),
		operations: operations.length,
		warnings: response.warnings ?? [],
		milliseconds,
	};
}
